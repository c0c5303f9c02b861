"""Frames of a file on this machine, or of standard input."""

import sys
from typing import Final

from service.commands.detect.sources import STDIN, SUFFIXES, Source
from service.errors import ServiceError
from service.frames import Budget, Frame, RawLayout, RawType, decode_file, undecodable

MAX_FRAMES, MAX_PIXELS = 100_000, 2**30  # of one file: the user's own, so only bombs are refused
RAW_HINT: Final = f"; raw rows need --width, --height and --dtype ({', '.join(RawType)})"


def read_frames(source: Source, raw: RawLayout | None) -> list[Frame | ServiceError]:
    """Every frame, or what stands in its place.

    Args:
        source: the file.
        raw: of rows without a header; files whose suffix says what they are have none.
    """
    try:
        content = _content(source)
        budget = Budget(MAX_FRAMES, max(MAX_PIXELS, len(content)))  # no bomb has a pixel for each of its bytes
        rows = None if source.path.suffix.lower() in SUFFIXES else raw
        return decode_file(content, budget, source.name, raw=rows, hint="" if raw else RAW_HINT)
    except ServiceError as fault:
        return [fault]
    except OSError as error:
        return [undecodable(error.strerror or str(error))]


def _content(source: Source) -> bytes:
    return sys.stdin.buffer.read() if source.path == STDIN else source.path.read_bytes()
