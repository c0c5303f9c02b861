"""Opens a video with PyAV and decodes it frame by frame."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import av
import av.error

from service.commands.detect.video.pixels import counts_of
from service.errors import ServiceError
from service.frames import Frame, undecodable
from service.frames.frame import make_frame

LEAST_MISSING: Final = 3  # frames; fewer at the end are a matter of rounding


class VideoFault(Exception):
    """A video or stream cannot be read, or not to its end."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame of a video.

    Attributes:
        number: from 0, in the order of time.
        time_s: seconds since the first frame; None if the video does not say.
        content: the frame, or why it could not be read.
    """

    number: int
    time_s: float | None
    content: Frame | ServiceError


@contextmanager
def open_video(address: str, timeout_s: float | None = None) -> Iterator[Any]:
    """Open a file or a stream that has a picture.

    Args:
        address: path or RTSP address. RTSP runs over TCP, so that no packet is lost.
        timeout_s: for connecting, and for each wait for data; None for files.

    Raises:
        VideoFault: it cannot be opened or has no picture, or an error ended the block.
    """
    is_live = timeout_s is not None
    try:
        with av.open(address, options={"rtsp_transport": "tcp"} if is_live else {}, timeout=timeout_s) as container:
            if not container.streams.video:
                raise VideoFault("it has sound, but no picture")
            yield container
    except (av.error.FFmpegError, OSError) as error:
        raise VideoFault(_reason(error, timeout_s)) from error


def _reason(error: Exception, timeout_s: float | None) -> str:
    if isinstance(error, (av.error.ExitError, av.error.TimeoutError)) and timeout_s is not None:
        return f"nothing came for {timeout_s:g} s"
    text = getattr(error, "strerror", None) or str(error)
    return f"it is no video that can be read ({text})" if isinstance(error, av.error.InvalidDataError) else text


def decode(container: Any, name: str) -> Iterator[VideoFrame]:
    """Decode the first picture stream of an open container.

    Raises:
        VideoFault: the size of the frames changes.
    """
    stream = container.streams.video[0]
    size: tuple[int, int] | None = None
    first_s: float | None = None
    for number, frame in enumerate(_pictures(container, stream)):
        if isinstance(frame, ServiceError):
            yield VideoFrame(number, None, frame)
            continue
        size = size or (frame.width, frame.height)
        if size != (frame.width, frame.height):
            raise VideoFault(
                f"frame {number} has {frame.width}x{frame.height} pixels and those before it {size[0]}x{size[1]}; "
                "the frames before it are in the results"
            )
        first_s = frame.time if first_s is None else first_s
        time_s = None if frame.time is None or first_s is None else frame.time - first_s
        yield VideoFrame(number, time_s, _frame(frame, name, number))


def _pictures(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames; the error of a damaged packet takes its place."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError as error:
            yield undecodable(f"damaged video: {error.strerror}")


def _frame(frame: Any, name: str, number: int) -> Frame | ServiceError:
    try:
        counts, dtype = counts_of(frame)
        return replace(make_frame(counts, dtype, name), page=number)
    except ServiceError as fault:
        return fault


def expected_frames(container: Any) -> int | None:
    """The number of frames that a file announces; None if it does not say."""
    stream = container.streams.video[0]
    if stream.frames:
        return int(stream.frames)
    if not stream.average_rate:
        return None
    if stream.duration:
        return round(float(stream.duration * stream.time_base * stream.average_rate))
    is_alone = container.duration and len(container.streams) == 1
    return round(float(container.duration / av.time_base * stream.average_rate)) if is_alone else None


def check_complete(read: int, expected: int | None) -> None:
    """Compare the number of frames that were read with the number that the file announces.

    Raises:
        VideoFault: frames are missing at the end.
    """
    if read == 0:
        raise VideoFault("it has no frame that can be read")
    if expected is not None and expected - read >= LEAST_MISSING:
        raise VideoFault(
            f"it ends after {read} of {expected} frames: the file is cut off; the frames that were read are in the "
            "results"
        )
