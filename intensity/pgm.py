"""Binary PGM (Netpbm's P5) -> counts; counts of more than 8 bits have their high byte first."""

import re
from functools import partial
from typing import Final

import numpy as np

from intensity.counts import Counts, StoredImage, UnreadableCountsError, make_counts

MAGIC: Final = b"P5"
TOKEN: Final = re.compile(rb"[0-9]{1,9}|#|\s")
HEADER_BYTES: Final = 4_096


def open_pgm(body: bytes) -> StoredImage:
    """Read the header.

    Raises:
        UnreadableCountsError: it is damaged.
    """
    width, height, largest, start = _header(body[:HEADER_BYTES])
    if not width or not height or not 0 < largest < 65_536:
        raise UnreadableCountsError(f"the PGM header describes {width}x{height} pixels up to {largest}")
    return StoredImage(width, height, partial(_read, body, start, (height, width), ">u2" if largest > 255 else "u1"))


def _read(body: bytes, start: int, shape: tuple[int, int], layout: str) -> Counts:
    dtype = np.dtype(layout)
    pixels = shape[0] * shape[1]
    if len(body) - start < pixels * dtype.itemsize:
        raise UnreadableCountsError("the PGM data is truncated")
    return Counts(make_counts(np.frombuffer(body, dtype, pixels, start).reshape(shape)), dtype.name)


def _header(header: bytes) -> tuple[int, int, int, int]:
    """Width, height, largest count, and the offset of the counts; a comment runs to the end of its line."""
    numbers: list[int] = []
    at = len(MAGIC)
    while len(numbers) < 3:
        token = TOKEN.match(header, at)
        if token is None:
            raise UnreadableCountsError("the PGM header cannot be read")
        at = token.end()
        if token[0] == b"#":
            at = header.find(b"\n", at) + 1 or len(header)
        elif token[0].isdigit():
            numbers.append(int(token[0]))
    if not header[at : at + 1].isspace():
        raise UnreadableCountsError("the PGM header cannot be read")
    width, height, largest = numbers
    return width, height, largest, at + 1
