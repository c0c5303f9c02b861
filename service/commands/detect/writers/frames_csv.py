"""``--frames-csv``: what became of every frame, targets or not."""

import csv
from typing import Final, TextIO

from service.commands.detect.writers.result import Result, Writer
from service.errors import ServiceError

FRAME_COLUMNS: Final = ("name", "page", "width", "height", "range_low", "range_high", "targets", "error")


class FramesWriter(Writer):
    """A line a frame, with a header (RFC 4180)."""

    def __init__(self, stream: TextIO) -> None:
        self._rows = csv.writer(stream)
        self._rows.writerow(FRAME_COLUMNS)

    def add(self, result: Result) -> None:
        """A frame without ``error``."""
        info, span, found = result.detection.info, result.detection.span, result.detection.found
        numbers = (info.width, info.height, *span, len(found.targets))
        self._rows.writerow((result.name, result.page, *numbers, ""))

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """A frame of which nothing but ``error`` is known."""
        self._rows.writerow((name, page, "", "", "", "", "", fault.detail))
