"""``--format csv``."""

import csv
from typing import Final, TextIO

from service.commands.detect.writers.result import Result, Writer

COLUMNS: Final = (
    "name", "page", "id", "confidence", "centroid_x", "centroid_y", "x", "y", "width", "height", "area",
    "peak_x", "peak_y", "peak_probability",
)  # fmt: skip


class CsvWriter(Writer):
    """A line a target, with a header (RFC 4180)."""

    def __init__(self, stream: TextIO) -> None:
        self._rows = csv.writer(stream)
        self._rows.writerow(COLUMNS)

    def add(self, result: Result) -> None:
        """The targets of a frame; none, no line."""
        for t in result.detection.found.targets:
            place = (f"{t.centroid.x:.3f}", f"{t.centroid.y:.3f}", *t.bbox, t.area)
            peak = (t.peak.x, t.peak.y, f"{t.peak.probability:.4f}")
            self._rows.writerow((result.name, result.page, t.id, f"{t.confidence:.4f}", *place, *peak))
