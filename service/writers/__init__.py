"""Results of ``rrcanet detect`` as files, or on standard output."""

from service.writers.frames_csv import FRAME_COLUMNS
from service.writers.opening import FILES, Format, open_writer
from service.writers.result import Result, Writer
from service.writers.targets_csv import COLUMNS

__all__ = ["COLUMNS", "FILES", "FRAME_COLUMNS", "Format", "Result", "Writer", "open_writer"]
