"""Reads the frames of a file or of standard input."""

import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from rrcanet.frames import SUFFIXES
from service.commands.detect.sources import STDIN, Source
from service.errors import ServiceError
from service.frames import AS_STORED, Budget, Frame, RawLayout, RawType, Reading, decode_file, undecodable

MAX_FRAMES, MAX_PIXELS = 100_000, 2**30  # of one file; the user's own files need no limit except against bombs
RAW_HINT: Final = f"; raw rows need --width, --height and --dtype ({', '.join(RawType)})"


def read_frames(source: Source, raw: RawLayout | None, reading: Reading = AS_STORED) -> list[Frame | ServiceError]:
    """Read every frame of a file; the error of an unreadable frame takes its place.

    Args:
        source: the file.
        reading: how counts are read.
        raw: the layout of raw rows; it is ignored if the file's suffix names a format.
    """
    return frames_of(lambda: _content(source), source.name, raw, reading)


def frames_of(
    read: Callable[[], bytes], name: str, raw: RawLayout | None, reading: Reading = AS_STORED
) -> list[Frame | ServiceError]:
    """As ``read_frames``, of a file that ``read`` gives the bytes of.

    Args:
        read: may raise OSError.
        name: of the file, with its suffix.
        raw: the layout of raw rows; it is ignored if the suffix names a format.
        reading: how counts are read.
    """
    try:
        content = read()
        budget = Budget(MAX_FRAMES, max(MAX_PIXELS, len(content)))  # one pixel per byte cannot be a bomb
        rows = None if PurePath(name).suffix.lower() in SUFFIXES else raw
        return decode_file(content, budget, name, raw=rows, hint="" if raw else RAW_HINT, reading=reading)
    except ServiceError as fault:
        return [fault]
    except OSError as error:
        return [undecodable(error.strerror or str(error))]


def _content(source: Source) -> bytes:
    return sys.stdin.buffer.read() if source.path == STDIN else source.path.read_bytes()
