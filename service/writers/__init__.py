"""Results of ``rrcanet detect`` as files, or on standard output."""

from service.writers.opening import FILES, Format, open_writer
from service.writers.result import Result, Writer
from service.writers.targets_csv import COLUMNS

__all__ = ["COLUMNS", "FILES", "Format", "Result", "Writer", "open_writer"]
