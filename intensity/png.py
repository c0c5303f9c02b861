"""PNG -> counts (PNG, third edition). Only header, palette and pixels reach the decoder.

A file may carry any number of other chunks: texts, colour profiles, thumbnails. They are never looked at, because each
of them can be made costly. Alpha is ignored, so transparency is not read either.

libpng inflates all data that follows the last pixel, seconds for each megabyte. So libdeflate inflates the pixels, to
no more than the header describes, and libpng gets them uncompressed. Both together take less time than Pillow.
``imagecodecs.png_decode`` keeps the memory of an image for good once libpng fails (2026.3.6), so header, palette and
rows are checked first, and nothing is left that libpng could find wrong.
"""

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from intensity.counts import Counts, StoredImage, UnreadableCountsError, decoded

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS: Final = 10_000
FRAME: Final = 12  # bytes of length, type and checksum of a chunk
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # colour types
SAMPLES: Final = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}  # of a pixel
BITS: Final = {GRAY: (1, 2, 4, 8, 16), PALETTE: (1, 2, 4, 8), RGB: (8, 16), GRAY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
LONGEST_SIDE: Final = 1_000_000  # pixels, of libpng
MOST_COLOURS: Final = 256
LAST_FILTER: Final = 4  # Paeth
ADAM7: Final = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
WHOLE: Final = ((0, 1, 0, 1),)
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
    def passes(self) -> list[tuple[int, int]]:
        """Number of rows, and bytes of a row with its filter type, of each pass; one pass without interlace."""
        bits = self.bits * SAMPLES[self.colour]
        found = []
        for left, across, top, down in ADAM7 if self.interlace else WHOLE:
            columns, rows = -(-(self.width - left) // across), -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                found.append((rows, 1 + -(-columns * bits // 8)))
        return found


def open_png(body: bytes) -> StoredImage:
    """Read the header: gray as stored, colour as Rec. 601 luminance.

    Raises:
        UnreadableCountsError: header or pixels are missing, or there are too many chunks.
    """
    header, beginning, pixels = _take_apart(body)
    return StoredImage(header.width, header.height, partial(_read, header, beginning, pixels))


def _read(header: Header, beginning: bytes, pixels: list[memoryview]) -> Counts:
    import imagecodecs  # here, because raw rows do not need it

    if max(header.width, header.height) > LONGEST_SIDE:
        raise UnreadableCountsError(f"the PNG has a side of more than {LONGEST_SIDE} pixels")
    size = sum(rows * length for rows, length in header.passes)
    try:
        inflated = imagecodecs.deflate_decode(b"".join(pixels), out=size + SURPLUS)
    except Exception as error:
        why = "more pixels than its header describes" if "INSUFFICIENT_SPACE" in str(error) else "damaged pixels"
        raise UnreadableCountsError(f"the PNG data is truncated or damaged: {why}") from error
    _check_rows(header, inflated, size)
    stored = _png_of(beginning, memoryview(inflated)[:size])
    return decoded(imagecodecs.png_decode, stored, header.width, header.height, "PNG")


def _check_rows(header: Header, inflated: bytes | bytearray, size: int) -> None:
    if len(inflated) < size:
        raise UnreadableCountsError("the PNG data is truncated or damaged: pixels are missing")
    at = 0
    for rows, length in header.passes:
        filters = np.frombuffer(inflated, np.uint8, rows * length, at)[::length]
        if filters.max() > LAST_FILTER:
            raise UnreadableCountsError("the PNG data is damaged: a row has an unknown filter")
        at += rows * length


def _take_apart(body: bytes) -> tuple[Header, bytes, list[memoryview]]:
    """The first header, the file up to its pixels without other chunks, and the pieces of the compressed pixels."""
    view = memoryview(body)
    beginning = palette = b""
    header: Header | None = None
    pixels: list[memoryview] = []
    for kind, start, end in _chunks(body):
        if kind == b"IDAT":
            pixels.append(view[start + 8 : end - 4])
        elif kind == b"IHDR" and header is None:
            header = _header(body, start, end)
            beginning = SIGNATURE + body[start:end]
        elif kind == b"PLTE" and not palette:
            palette = _palette(body[start + 8 : end - 4])
    if header is None or not pixels or (header.colour == PALETTE and not palette):
        raise UnreadableCountsError("the PNG data is truncated or damaged: header, palette or pixels are missing")
    return header, beginning + (palette if header.colour == PALETTE else b""), pixels


def _palette(colours: bytes) -> bytes:
    """A palette as a chunk; empty if it is not sound."""
    if len(colours) % 3 or not 0 < len(colours) <= 3 * MOST_COLOURS:
        return b""
    return chunk(b"PLTE", colours)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return struct.pack(">I4s", len(content), kind) + content + zlib.crc32(kind + content).to_bytes(4, "big")


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
    is_whole = end == start + 25 and checksum == zlib.crc32(body[start + 4 : start + 21])
    is_known = header.bits in BITS.get(header.colour, ()) and not header.compression and not header.filters
    if not is_whole or not is_known or header.interlace > 1 or not header.width or not header.height:
        raise UnreadableCountsError("the PNG data is damaged: its header is not sound")
    return header


def _png_of(beginning: bytes, rows: memoryview) -> bytes:
    """A PNG whose pixels are stored, in one chunk."""
    import imagecodecs

    opening = b"IDAT" + ZLIB_HEADER
    parts: list[bytes | memoryview] = [opening]
    adler, crc = 1, imagecodecs.deflate_crc32(opening)
    for at in range(0, len(rows), LONGEST_BLOCK):
        block = rows[at : at + LONGEST_BLOCK]
        is_last = at + LONGEST_BLOCK >= len(rows)
        head = struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF)
        parts += [head, block]
        pixels = bytes(block)
        adler = imagecodecs.deflate_adler32(pixels, adler)
        crc = imagecodecs.deflate_crc32(pixels, imagecodecs.deflate_crc32(head, crc))
    end = adler.to_bytes(4, "big")
    length = sum(map(len, parts)) - len(b"IDAT") + len(end)
    crc = imagecodecs.deflate_crc32(end, crc)
    return b"".join([beginning, length.to_bytes(4, "big"), *parts, end, crc.to_bytes(4, "big")])
