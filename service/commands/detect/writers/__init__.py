"""Results of ``rrcanet detect`` as files, or on standard output."""

from service.commands.detect.writers.frames_csv import FRAME_COLUMNS
from service.commands.detect.writers.opening import FILES, Format, open_writer
from service.commands.detect.writers.result import Result, Writer
from service.commands.detect.writers.targets_csv import COLUMNS

__all__ = ["COLUMNS", "FILES", "FRAME_COLUMNS", "Format", "Result", "Writer", "open_writer"]
