"""Writers for the results of ``rrcanet detect``, to files or to standard output."""

from service.commands.detect.writers.csv_tables import COLUMNS, FRAME_COLUMNS
from service.commands.detect.writers.opening import FILES, Format, open_writer
from service.commands.detect.writers.result import Result, Writer

__all__ = ["COLUMNS", "FILES", "FRAME_COLUMNS", "Format", "Result", "Writer", "open_writer"]
