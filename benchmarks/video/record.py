"""Records simulated sequences as videos, one for each codec that is compared, and measures what decoding costs."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from service.commands.detect.video.decoder import check_complete, decode, open_video
from service.simulation.sequence import make_sequence

WIDTH, HEIGHT, RATE = 640, 512, 30
LOSSY_BITS_A_SECOND: Final = 4_000_000  # as surveillance cameras send
SENSOR_BITS: Final = 14
DECODED: Final = 60  # frames of which the CPU time is taken


@dataclass(frozen=True, slots=True)
class Codec:
    """How a video is stored.

    Attributes:
        name: in the table.
        encoder: of FFmpeg.
        pixels: FFmpeg's name of the format of the pixels.
        suffix: of the file, which names the container.
    """

    name: str
    encoder: str
    pixels: str
    suffix: str


CODECS: Final = (
    Codec("8 bits, H.264", "libx264", "gray", ".mkv"),
    Codec("16 bits, FFVHUFF", "ffvhuff", "gray16le", ".avi"),
    Codec("16 bits, PNG", "png", "gray16be", ".mov"),
    Codec("14 bits, FFV1", "ffv1", "gray14le", ".mkv"),
    Codec("16 bits, FFV1", "ffv1", "gray16le", ".mkv"),
)


def record(codec: Codec, path: Path, frames: int) -> None:
    """Write a simulated sequence of 14-bit counts; 8 bits keep the upper ones."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec.encoder, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, codec.pixels
        if codec.encoder == "libx264":
            stream.bit_rate = LOSSY_BITS_A_SECOND
        for counts in _counts(frames):
            container.mux(stream.encode(_picture(counts, codec)))
        container.mux(stream.encode())


def decoding_cpu_s(path: Path) -> float:
    """CPU seconds of reading one frame, over the first frames of the video, in all threads.

    Raises:
        VideoFault: it cannot be read, or has no frame.
    """
    with open_video(str(path)) as container:
        began = time.process_time()
        read = sum(1 for _ in islice(decode(container, path.name), DECODED))
        check_complete(read, None)
        return (time.process_time() - began) / read


def _counts(frames: int) -> Iterator[NDArray[np.uint16]]:
    for scene in make_sequence(0, frames, HEIGHT, WIDTH):
        yield scene.counts(SENSOR_BITS).astype(np.uint16)


def _picture(counts: NDArray[np.uint16], codec: Codec) -> "av.VideoFrame":
    if codec.pixels == "gray":
        return av.VideoFrame.from_ndarray((counts >> (SENSOR_BITS - 8)).astype(np.uint8), format="gray")
    if codec.pixels == "gray14le":  # a conversion would not keep every count
        picture = av.VideoFrame(WIDTH, HEIGHT, codec.pixels)
        picture.planes[0].update(counts.astype("<u2").tobytes())
        return picture
    return av.VideoFrame.from_ndarray(counts, format="gray16le").reformat(format=codec.pixels)
