"""``--format csv``, a row for each target, and ``--frames-csv``, a row for each frame (RFC 4180)."""

import csv
from typing import Final, TextIO

from service.commands.detect.writers.result import Result, Writer
from service.detection.description import describe_signal
from service.errors import ServiceError
from service.tracking.track import Track

COLUMNS: Final = (
    "name", "page", "id", "confidence", "centroid_x", "centroid_y", "x", "y", "width", "height", "area",
    "peak_x", "peak_y", "peak_probability",
    "signal_peak", "signal_mean", "signal_background", "signal_noise", "signal_scr", "signal_temperature_c",
)  # fmt: skip
SIGNAL: Final = [column.removeprefix("signal_") for column in COLUMNS if column.startswith("signal_")]
TIME_COLUMNS: Final = ("time_s",)
TRACK_COLUMNS: Final = ("track_id", "track_age", "velocity_x", "velocity_y", "confirmed", "static")
FRAME_COLUMNS: Final = ("name", "page", "width", "height", "range_low", "range_high", "targets", "error")


class TargetsWriter(Writer):
    """Writes a header, then one row for each target.

    Args:
        stream: is written at once.
        video: the rows have the columns ``TIME_COLUMNS``.
        track: the rows have the columns ``TRACK_COLUMNS``.
    """

    def __init__(self, stream: TextIO, video: bool = False, track: bool = False) -> None:
        self._stream, self._video, self._track = stream, video, track
        self._rows = csv.writer(stream)
        self._rows.writerow(COLUMNS + TIME_COLUMNS * video + TRACK_COLUMNS * track)

    def add(self, result: Result) -> None:
        """Write the targets of a frame."""
        targets = result.detection.found.targets
        time_s = () if not self._video else ("" if result.time_s is None else f"{result.time_s:.6f}",)
        for t, track in zip(targets, result.tracks or (None,) * len(targets), strict=True):
            place = (f"{t.centroid.x:.3f}", f"{t.centroid.y:.3f}", *t.bbox, t.area)
            peak = (t.peak.x, t.peak.y, f"{t.peak.probability:.4f}")
            signal = describe_signal(t.signal) if t.signal else {}
            counts = [signal.get(name) for name in SIGNAL]  # None is written as an empty cell
            row = (result.name, result.page, t.id, f"{t.confidence:.4f}", *place, *peak, *counts)
            self._rows.writerow((*row, *time_s, *(_track_cells(track) if self._track else ())))
        if self._video:
            self._stream.flush()  # a stream may run for days


def _track_cells(track: Track | None) -> tuple[object, ...]:
    if track is None:
        return ("",) * len(TRACK_COLUMNS)
    velocity = (f"{track.velocity.x:.3f}", f"{track.velocity.y:.3f}")
    return (track.id, track.age, *velocity, int(track.confirmed), int(track.static))


class FramesWriter(Writer):
    """Writes a header, then one row for each frame."""

    def __init__(self, stream: TextIO) -> None:
        self._rows = csv.writer(stream)
        self._rows.writerow(FRAME_COLUMNS)

    def add(self, result: Result) -> None:
        """Write a frame that was read; its ``error`` is empty."""
        info, span, found = result.detection.info, result.detection.span, result.detection.found
        numbers = (info.width, info.height, *span, len(found.targets))
        self._rows.writerow((result.name, result.page, *numbers, ""))

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """Write a frame that could not be read; it only has an ``error``."""
        self._rows.writerow((name, page, "", "", "", "", "", fault.detail))
