"""PNG -> counts (PNG, third edition). Only header, palette and pixels reach the decoder.

A file may carry any number of other chunks: texts, colour profiles, thumbnails. They are never looked at, because each
of them can be made costly. Alpha is ignored, so transparency is not read either.

libpng inflates all data that follows the last pixel, seconds for each megabyte. So libdeflate inflates the pixels, to
no more than the header describes, and libpng gets them uncompressed. Both together take less time than Pillow.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from intensity.counts import Counts, StoredImage, UnreadableCountsError, decoded

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS: Final = 10_000
FRAME: Final = 12  # bytes of length, type and checksum of a chunk
SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
PALETTE: Final = 3  # colour type
ADAM7: Final = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
ZLIB_HEADER: Final = b"\x78\x01"
LONGEST_BLOCK: Final = 65_535  # bytes of a stored block of deflate
SURPLUS: Final = 4_096  # bytes behind the last pixel, which some writers leave there


class Header(NamedTuple):
    """The chunk ``IHDR``; ``interlace`` is 1 for Adam7."""

    width: int
    height: int
    bits: int
    colour: int
    compression: int
    filters: int
    interlace: int

    @property
    def row_bytes(self) -> int:
        """Bytes of all rows, each with its filter type, once they are inflated."""
        bits = self.bits * SAMPLES.get(self.colour, 4)
        whole = ((0, 1, 0, 1),)
        return sum(_rows(self, bits, *each) for each in (ADAM7 if self.interlace else whole))


def open_png(body: bytes) -> StoredImage:
    """Read the header: gray as stored, colour as Rec. 601 luminance.

    Raises:
        UnreadableCountsError: header or pixels are missing, or there are too many chunks.
    """
    header, beginning, pixels = _take_apart(body)
    return StoredImage(header.width, header.height, partial(_read, header, beginning, pixels))


def _read(header: Header, beginning: bytes, pixels: list[memoryview]) -> Counts:
    import imagecodecs  # here, because raw rows do not need it

    try:
        rows = imagecodecs.deflate_decode(b"".join(pixels), out=header.row_bytes + SURPLUS)
    except Exception as error:
        why = "more pixels than the header describes" if "INSUFFICIENT_SPACE" in str(error) else "damaged pixels"
        raise UnreadableCountsError(f"the PNG data is truncated or damaged: {why}") from error
    stored = _png_of(beginning, memoryview(rows)[: header.row_bytes])
    return decoded(imagecodecs.png_decode, stored, header.width, header.height, "PNG")


def _rows(header: Header, bits: int, left: int, across: int, top: int, down: int) -> int:
    """Bytes of the rows of one pass, which takes every pixel of a grid."""
    columns, rows = -(-(header.width - left) // across), -(-(header.height - top) // down)
    return rows * (1 + -(-columns * bits // 8)) if columns > 0 and rows > 0 else 0


def _take_apart(body: bytes) -> tuple[Header, bytes, list[memoryview]]:
    """The first header, the file up to its pixels without other chunks, and the pieces of the compressed pixels."""
    view = memoryview(body)
    beginning = b""
    header: Header | None = None
    pixels: list[memoryview] = []
    for kind, start, end in _chunks(body):
        if kind == b"IDAT":
            pixels.append(view[start + 8 : end - 4])
        elif kind == b"IHDR" and header is None:
            header = _header(body, start, end)
            beginning = SIGNATURE + body[start:end]
        elif kind == b"PLTE" and header is not None and header.colour == PALETTE and len(beginning) < 40:
            beginning += body[start:end]
    if header is None or not pixels:
        raise UnreadableCountsError("the PNG data is truncated or damaged: header or pixels are missing")
    return header, beginning, pixels


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of each chunk; the last one may be cut off."""
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + FRAME > len(body):
            return
        length, kind = struct.unpack_from(">I4s", body, at)
        yield kind, at, at + FRAME + length
        at += FRAME + length
        if kind == b"IEND":
            return
    raise UnreadableCountsError(f"the PNG has more than {MAX_CHUNKS} chunks; encode it again")


def _header(body: bytes, start: int, end: int) -> Header:
    try:
        header = Header(*struct.unpack_from(">IIBBBBB", body, start + 8))
        (checksum,) = struct.unpack_from(">I", body, start + 21)
    except struct.error:
        raise UnreadableCountsError("the PNG data is truncated: its header is cut off") from None
    if end != start + 25 or checksum != zlib.crc32(body[start + 4 : start + 21]):
        raise UnreadableCountsError("the PNG data is damaged: its header is not sound")
    return header


def _png_of(beginning: bytes, rows: memoryview) -> bytes:
    """A PNG whose pixels are stored, in one chunk."""
    parts: list[bytes | memoryview] = [b"IDAT" + ZLIB_HEADER]
    for at in range(0, len(rows), LONGEST_BLOCK):
        block = rows[at : at + LONGEST_BLOCK]
        is_last = at + LONGEST_BLOCK >= len(rows)
        parts += [struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(zlib.adler32(rows).to_bytes(4, "big"))
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    length = sum(map(len, parts)) - 4
    return b"".join([beginning, length.to_bytes(4, "big"), *parts, checksum.to_bytes(4, "big")])
