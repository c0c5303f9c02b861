"""Writes masks and probabilities as gray PNG (PNG, third edition). Pillow takes 3 to 8 times as long.

Most rows of such pictures are zero. Deflate has no need to see zeros again that were compressed before: a block that
begins with an empty window (``Z_FULL_FLUSH``) stands for the same bytes wherever it is placed. Rows are not filtered,
because filters gain nothing where neighbours are equal.
"""

import struct
import zlib
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity.png import SIGNATURE, ZLIB_HEADER, chunk

END: Final = b"\x03\x00"  # an empty last block
EFFORT: Final = 1  # a higher level costs time and saves little
NEAR: Final = 16  # rows; shorter gaps are compressed with the rows around them, which makes the file smaller
MOST_BANDS: Final = 16
WINDOW_BITS: Final = 12  # 4 KB, which are several rows; larger tables would cost more than they save
MEM_LEVEL: Final = 5  # of zlib
ADLER: Final = 65_521  # RFC 1950


def encode_gray(levels: NDArray[Any]) -> bytes:
    """Encode ``levels [H, W]`` of uint8 or uint16 as PNG of 8 or 16 bits."""
    height, width = levels.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * levels.itemsize, 0, 0, 0, 0)
    return b"".join([SIGNATURE, chunk(b"IHDR", header), chunk(b"IDAT", _compress(levels)), chunk(b"IEND", b"")])


def _compress(levels: NDArray[Any]) -> bytes:
    """A zlib stream of all rows, each after the type of its filter, which is none."""
    bands = _bands(np.flatnonzero(levels.any(axis=1)))
    if len(bands) > MOST_BANDS:
        return zlib.compress(_rows(levels), EFFORT)
    compressor = zlib.compressobj(EFFORT, wbits=-WINDOW_BITS, memLevel=MEM_LEVEL)
    parts, checksum, done = [ZLIB_HEADER], 1, 0
    for start, stop in [*bands, (len(levels), len(levels))]:
        zeros = (start - done) * (1 + levels.shape[1] * levels.itemsize)
        rows = _rows(levels[start:stop])
        parts += [_zeros(exponent) for exponent in range(zeros.bit_length()) if zeros >> exponent & 1]
        parts += [compressor.compress(rows), compressor.flush(zlib.Z_FULL_FLUSH)] if rows else []
        checksum, done = zlib.adler32(rows, _adler_of_zeros(zeros, checksum)), stop
    return b"".join([*parts, END, checksum.to_bytes(4, "big")])


def _bands(used: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Where the bands of rows begin and end that hold everything; ``used`` are the rows that hold something."""
    if not used.size:
        return []
    gaps = np.flatnonzero(np.diff(used) > NEAR)
    starts, stops = used[[0, *(gaps + 1)]], used[[*gaps, -1]] + 1
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _rows(levels: NDArray[Any]) -> bytes:
    rows = np.zeros((len(levels), 1 + levels.shape[1] * levels.itemsize), np.uint8)
    rows[:, 1:] = np.ascontiguousarray(levels, levels.dtype.newbyteorder(">")).view(np.uint8)
    return rows.tobytes()


@cache
def _zeros(exponent: int) -> bytes:
    """``2**exponent`` zeros, compressed: one byte for each thousand."""
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return compressor.compress(bytes(1 << exponent)) + compressor.flush(zlib.Z_FULL_FLUSH)


def _adler_of_zeros(count: int, checksum: int) -> int:
    """The checksum after so many zeros more."""
    low, high = checksum & 0xFFFF, checksum >> 16
    return (high + count * low) % ADLER << 16 | low
