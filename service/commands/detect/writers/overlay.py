"""``--format overlay``: frames with markers around their targets, as a picture for each frame or as a video."""

import io
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from rrcanet.drawing import draw_targets
from service.commands.detect.files import InputFiles
from service.commands.detect.sources import stem_of
from service.commands.detect.whole_file import partial_of, take_name, write_whole
from service.commands.detect.writers.result import Result, Writer
from service.tracking.track import Track

PLAIN, CONFIRMED, TENTATIVE, STATIC = "#ffd43b", "#69db7c", "#ffd43b", "#74c0fc"
USUAL_RATE: Final = 25  # frames a second, where times do not say
LONGEST_RATE_ERROR: Final = 1000  # times are rounded to so many parts of a second


class OverlayWriter(Writer):
    """Writes ``NAME.png`` for a frame of a file, and one ``NAME.mp4`` for a video.

    Args:
        folder: for the pictures and videos.
        inputs: files that must not be overwritten.
    """

    def __init__(self, folder: Path, inputs: InputFiles) -> None:
        self._folder, self._inputs = folder, inputs
        self._video: _VideoFile | None = None
        self._written: set[Path] = set()

    def add(self, result: Result) -> None:
        """Draw a frame.

        Raises:
            ValueError: another frame of this run has the same name, or the file would overwrite an input.
        """
        picture = draw_result(result)
        if result.is_video:
            self._video_of(result).add(picture, result.time_s)
        else:
            write_whole(self._new(f"{result.stem}.png"), _to_png(picture))

    def close(self) -> None:
        """Complete the video."""
        if self._video is not None:
            self._video.close()
            self._video = None

    def _video_of(self, result: Result) -> "_VideoFile":
        if self._video is None or self._video.name != result.name:
            self.close()
            self._video = _VideoFile(result.name, self._new(f"{stem_of(result.name)}.mp4"))
        return self._video

    def _new(self, name: str) -> Path:
        path = self._folder / name
        if path in self._written:
            raise ValueError(f"two frames would be written as {name}")
        self._inputs.refuse_overwriting([path, partial_of(path)])
        self._written.add(path)
        return path


class _VideoFile:
    """An H.264 video that is written frame by frame."""

    def __init__(self, name: str, path: Path) -> None:
        import av  # with the extra video, which a video source needs anyway

        self.name, self._path = name, path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        # fragments, so that a run that was killed leaves a video that plays
        options = {"movflags": "frag_keyframe+empty_moov"}
        self._container: Any = self._stack.enter_context(
            av.open(str(partial_of(path)), "w", format="mp4", options=options)
        )
        self._stream: Any = None
        self._last = -1

    def add(self, picture: Image.Image, time_s: float | None) -> None:
        import av

        if self._stream is None:
            self._stream = self._begin(picture)
        frame: Any = av.VideoFrame.from_ndarray(_even(np.asarray(picture)), format="rgb24")
        ticks = self._last + LONGEST_RATE_ERROR // USUAL_RATE if time_s is None else round(time_s * LONGEST_RATE_ERROR)
        self._last = frame.pts = max(ticks, self._last + 1)
        frame.time_base = Fraction(1, LONGEST_RATE_ERROR)
        self._container.mux(self._stream.encode(frame))

    def _begin(self, picture: Image.Image) -> Any:
        height, width = _even(np.asarray(picture)).shape[:2]
        stream: Any = self._container.add_stream(
            "libx264", rate=USUAL_RATE, options={"crf": "18", "preset": "veryfast"}
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, LONGEST_RATE_ERROR)
        return stream

    def close(self) -> None:
        """Write what the encoder holds, and give the file its name."""
        with self._stack:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
        take_name(partial_of(self._path), self._path)


def draw_result(result: Result) -> Image.Image:
    """The frame with a marker around each target: its confidence, or its track with ``--track``.

    Confirmed tracks are green, static ones blue, others and targets without tracks yellow.
    """
    targets = result.detection.found.targets
    tracks = result.tracks or (None,) * len(targets)
    boxes = [(x, y, x + width, y + height) for x, y, width, height in (target.bbox for target in targets)]
    labels = [_label(target.confidence, track) for target, track in zip(targets, tracks, strict=True)]
    low, high = result.detection.span
    span = (low, high) if low < high else None
    assert result.counts is not None
    return draw_targets(result.counts, boxes, labels, colours=[_colour(track) for track in tracks], span=span)


def _to_png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _label(confidence: float, track: Track | None) -> str:
    return f"{confidence:.2f}" if track is None else f"#{track.id}"


def _colour(track: Track | None) -> str:
    if track is None:
        return PLAIN
    if track.static:
        return STATIC
    return CONFIRMED if track.confirmed else TENTATIVE


def _even(pixels: Any) -> Any:
    """H.264 needs even sides: an odd side repeats its last row or column."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
