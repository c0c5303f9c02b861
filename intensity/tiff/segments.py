"""Strips and tiles -> samples. Uncompressed strips are read by NumPy, all others by tifffile and imagecodecs.

tifffile never sees the file: it gets a directory of its own, with checked values of the tags that describe samples.
"""

import io
import math
import struct
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import UnreadableCountsError
from intensity.tiff import tags
from intensity.tiff.inside import IMAGE_CODECS, checked_image
from intensity.tiff.page import FLOAT, JPEG, NONE, RGB, SIGNED, YCBCR, Page

LZW: Final = 5
WRAPPED_AT: Final = 144  # bytes; behind a directory of ten tags
MAX_JPEG_TABLES: Final = 65_536  # bytes
WHOLE_BYTES: Final = (8, 16, 32, 64)
KINDS: Final = {FLOAT: "f", SIGNED: "i"}


def read_samples(page: Page) -> NDArray[Any]:
    """The samples ``[frames, H, W, samples]`` as stored, native; samples of a palette and of packed bits are indices.

    Raises:
        UnreadableCountsError: the samples lie outside the file, or the page is a stack that is not stored plainly.
        Exception: the data is damaged. Decoders raise nearly any exception.
    """
    offsets, sizes = _places(page)
    start = _plain_start(page, offsets, sizes)
    if start is not None:
        return _plain(page, start)
    if page.frames > 1:
        raise UnreadableCountsError(
            f"the TIFF holds {page.frames} frames in one page, and not uncompressed one after the other; "
            "save a page for each frame"
        )
    return _decoded(page, offsets, sizes)[None]


def _places(page: Page) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offset and size of each segment. Never more values are read than the page needs."""
    directory, needed = page.directory, page.segments * (page.frames if _has_depth(page) else 1)
    at, sizes = (
        (tags.TILE_OFFSETS, tags.TILE_BYTE_COUNTS) if page.is_tiled else (tags.STRIP_OFFSETS, tags.STRIP_BYTE_COUNTS)
    )
    if directory.count(at) < needed:
        raise UnreadableCountsError(
            f"the TIFF data is truncated or damaged: {directory.count(at)} strips or tiles, {needed} are needed"
        )
    offsets, counts = directory.numbers(at, needed), directory.numbers(sizes, needed)
    if not counts and page.compression == NONE:
        counts = (_segment_bytes(page),) * needed
    if len(offsets) < needed or len(counts) < needed:
        raise UnreadableCountsError("the TIFF data is truncated or damaged: tables of strips or tiles are cut off")
    try:
        return np.array(offsets, np.int64), np.array(counts, np.int64)
    except OverflowError:
        raise UnreadableCountsError("the TIFF data is truncated or damaged: it lies outside the file") from None


def _has_depth(page: Page) -> bool:
    return page.directory.number(tags.IMAGE_DEPTH, 1) > 1


def _segment_bytes(page: Page) -> int:
    row = math.ceil(page.segment_width * page.bits * (1 if page.is_separate else page.samples) / 8)
    return row * page.segment_height


def _plain_start(page: Page, offsets: NDArray[np.int64], sizes: NDArray[np.int64]) -> int | None:
    """Where the samples begin, if they are whole bytes and lie one after the other; else None."""
    is_plain = page.compression == NONE and page.predictor == 1 and not page.is_tiled and not page.is_reversed
    if not is_plain or page.is_separate or page.bits not in WHOLE_BYTES or page.photometric == YCBCR:
        return None
    return int(offsets[0]) if (offsets[:-1] + sizes[:-1] == offsets[1:]).all() else None


def _plain(page: Page, start: int) -> NDArray[Any]:
    dtype = np.dtype(f"{page.directory.order}{KINDS.get(page.form, 'u')}{page.bits // 8}")
    shape = (page.frames, page.height, page.width, page.samples)
    if start < 0 or start + math.prod(shape) * dtype.itemsize > len(page.directory.body):
        stack = f" of {page.frames} frames" if page.frames > 1 else ""
        raise UnreadableCountsError(f"the TIFF data{stack} is truncated or damaged: pixels are missing")
    samples = np.frombuffer(page.directory.body, dtype, math.prod(shape), start).reshape(shape)
    return samples.astype(dtype.newbyteorder("="), copy=False)


def _decoded(page: Page, offsets: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[Any]:
    """The samples ``[H, W, samples]`` of a page that is compressed, tiled, packed or differently ordered."""
    body = page.directory.body
    if sizes.min() < 0 or offsets.min() < 0 or int(sizes.sum()) > 2 * len(body):
        raise UnreadableCountsError("the TIFF data is truncated or damaged: strips or tiles share their bytes")
    direct = _decoder(page)
    plain = _decoder(_plain_page(page)) if page.compression in (LZW, JPEG) else direct
    tables = page.directory.content(tags.JPEG_TABLES, MAX_JPEG_TABLES) or None
    whole: NDArray[Any] | None = None
    for index, (offset, size) in enumerate(zip(offsets.tolist(), sizes.tolist(), strict=True)):
        if offset + size > len(body) or not size:
            raise UnreadableCountsError("the TIFF data is truncated or damaged: pixels are missing")
        data, is_plain = _unwrapped(page, body[offset : offset + size], index)
        piece, (plane, _, top, left, _), _ = (plain if is_plain else direct)(data, index, jpegtables=tables)
        if whole is None:
            whole = np.zeros((page.height, page.width, page.samples), piece.dtype)
        piece = piece[0, : page.height - top, : page.width - left]
        channels = slice(plane, plane + 1) if page.is_separate else slice(None)
        whole[top : top + piece.shape[0], left : left + piece.shape[1], channels] = piece
    assert whole is not None
    return whole


def _plain_page(page: Page) -> Page:
    """The page as it is once its segments are decompressed: JPEG-LS gives whole bytes, LZW the bits as they are."""
    bits = -(-page.bits // 8) * 8 if page.compression == JPEG else page.bits
    return replace(page, compression=NONE, bits=bits, is_reversed=False)


def _unwrapped(page: Page, data: bytes, index: int) -> tuple[bytes, bool]:
    """The bytes of a segment for its decoder, and whether they are plain samples already."""
    if page.compression in IMAGE_CODECS:
        return checked_image(page, data, _segment_bytes(page))
    if page.compression == LZW:
        return _without_lzw(page, data, index), True
    return data, False


def _without_lzw(page: Page, data: bytes, index: int) -> bytes:
    """The bytes of a segment, decompressed by libtiff.

    ``imagecodecs.lzw_decode`` takes twice the time, and some damaged data ends the process (2026.3.6).
    """
    import imagecodecs

    rows = page.segment_height
    if not page.is_tiled:
        strips = math.ceil(page.height / rows)
        rows = min(rows, page.height - index % strips * rows)
    width = _segment_bytes(page) // page.segment_height
    wrapped = {
        tags.IMAGE_WIDTH: (width,), tags.IMAGE_LENGTH: (rows,), tags.BITS_PER_SAMPLE: (8,), tags.COMPRESSION: (LZW,),
        tags.PHOTOMETRIC: (1,), tags.STRIP_OFFSETS: (WRAPPED_AT,), tags.SAMPLES_PER_PIXEL: (1,),
        tags.ROWS_PER_STRIP: (rows,), tags.STRIP_BYTE_COUNTS: (len(data),),
        tags.FILL_ORDER: (2 if page.is_reversed else 1,),
    }  # fmt: skip
    unpacked: NDArray[np.uint8] = imagecodecs.tiff_decode(_directory("<", wrapped).ljust(WRAPPED_AT, b"\0") + data)
    return unpacked.tobytes()


def _decoder(page: Page) -> Any:
    """Tifffile's function that decodes one segment of this page."""
    values: dict[int, tuple[int, ...]] = {
        tags.IMAGE_WIDTH: (page.width,),
        tags.IMAGE_LENGTH: (page.height,),
        tags.BITS_PER_SAMPLE: (page.bits,) * page.samples,
        tags.COMPRESSION: (page.compression,),
        tags.PHOTOMETRIC: (page.photometric,),
        tags.FILL_ORDER: (2 if page.is_reversed else 1,),
        tags.SAMPLES_PER_PIXEL: (page.samples,),
        tags.PLANES: (2 if page.is_separate else 1,),
        tags.PREDICTOR: (page.predictor,),
        tags.SAMPLE_FORMAT: (page.form,) * page.samples,
        tags.T4_OPTIONS: (page.directory.number(tags.T4_OPTIONS, 0),),
    }
    colours = 3 if page.photometric in (RGB, YCBCR) else 1
    if page.samples > colours:
        values[tags.EXTRA_SAMPLES] = (2,) * (page.samples - colours)
    if page.photometric == YCBCR:
        values[tags.SUBSAMPLING] = page.directory.numbers(tags.SUBSAMPLING, 2) or (2, 2)
    if page.is_tiled:
        values |= {tags.TILE_WIDTH: (page.segment_width,), tags.TILE_LENGTH: (page.segment_height,)}
        values |= {tags.TILE_OFFSETS: (8,), tags.TILE_BYTE_COUNTS: (1,)}
    else:
        values |= {tags.ROWS_PER_STRIP: (page.segment_height,), tags.STRIP_OFFSETS: (8,), tags.STRIP_BYTE_COUNTS: (1,)}
    return _decoder_of(_directory(page.directory.order, values))


@lru_cache(64)
def _decoder_of(directory: bytes) -> Any:
    """The decoder of such a directory. Cameras send the same one again and again."""
    import tifffile  # here, because most frames do not need it

    return tifffile.TiffFile(io.BytesIO(directory)).pages[0].decode


def _directory(order: str, values: Mapping[int, tuple[int, ...]]) -> bytes:
    """A classic TIFF of one directory whose values are all LONG."""
    start = 8 + 2 + 12 * len(values) + 4
    entries, behind = b"", b""
    for tag, numbers in sorted(values.items()):
        content = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(content) > 4:
            content, behind = struct.pack(order + "I", start + len(behind)), behind + content
        entries += struct.pack(order + "HHI", tag, 4, len(numbers)) + content
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(values))
    return head + entries + bytes(4) + behind
