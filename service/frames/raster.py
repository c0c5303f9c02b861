"""Reads PNG, JPEG and BMP with Pillow; counts are read by ``intensity.rasters``, which training uses too.

Files that take far longer to decode than their number of pixels suggests are refused first, because decoding cannot be
cancelled. Every scan of a JPEG passes over the whole frame. Pillow reads some parts of a file, and the bytes between
parts, one by one in Python. The bounds on JPEG and PNG are far above what encoders write. A BMP can be saved without
run lengths.
"""

import io
import re
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageFile, UnidentifiedImageError

from intensity.counts import UnreadableCountsError
from intensity.deep_png import read_deep_png
from intensity.rasters import is_deep_colour, read_counts
from service.errors import Reason, ServiceError
from service.frames.frame import Budget, Frame, make_frame, undecodable

MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/bmp")
MAGICS: Final[dict[str, tuple[bytes, ...]]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "BMP": (b"BM",),
}
BOMB: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)

MAX_SCANS: Final = 64  # in a progressive JPEG; encoders write about ten
MAX_SEGMENTS: Final = (
    4_096  # in a JPEG; colour profiles, and raw counts of hand-held cameras, come in segments of 64 kB
)
MAX_CHUNKS: Final = 10_000  # in a PNG
MAX_LOOSE: Final = 65_536  # bytes before the first scan of a JPEG that belong to no segment
MAX_RUN_LENGTHS: Final = 1_048_576  # bytes of a BMP with run lengths

MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)  # ITU T.81, B.1.1.2, without restart markers
START_OF_SCAN, END_OF_IMAGE, APP1, EXIF = 0xDA, 0xD9, 0xE1, b"Exif\0\0"
ALONE: Final = frozenset((0x01, 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)))  # Pillow reads no length after these
IN_A_SCAN: Final = frozenset(range(0x01, 0xC0))  # reserved; libjpeg reads no length after these within a scan
MAX_EXIFS: Final = 64  # in a JPEG; Pillow copies all earlier ones again for each
PNG_SIGNATURE, CHUNK_FRAME = 8, 12  # bytes; length, type and checksum of a chunk
BMP_COMPRESSION: Final = slice(30, 34)
RUN_LENGTHS: Final = (1, 2)  # of 8 and of 4 bits
LONG_BMP_HEADER: Final = 40


def read_raster(format_name: str, body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read one image file."""
    refuse_costly(body, format_name)
    image = _open(body, format_name)
    budget.take(image.width, image.height)
    try:
        return [_read_page(image, body, name)]
    except ServiceError as fault:
        return [fault.bare()]


def _open(body: bytes, format_name: str) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(body), formats=(format_name,))
    except BOMB as error:
        raise ServiceError(Reason.TOO_MANY_PIXELS, "the file has hundreds of millions of pixels") from error
    except Exception as error:  # hostile bytes raise nearly any exception in Pillow's readers
        raise undecodable(f"the {format_name} file cannot be read: {_describe(error)}") from error


def _read_page(page: Image.Image, body: bytes, name: str | None) -> Frame:
    try:
        counts, dtype = read_deep_png(body, page.size) if is_deep_colour(page) else read_counts(page)
    except UnreadableCountsError as error:
        raise undecodable(str(error)) from error
    except Exception as error:  # as in _open
        raise undecodable(f"the {page.format} data is truncated or damaged: {_describe(error)}") from error
    return make_frame(counts, dtype, name)


def _describe(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "damaged or unusual header"  # Pillow's own message names an object in memory
    return str(error) or type(error).__name__


def refuse_costly(body: bytes, format_name: str) -> None:
    """Check the number and the sizes of a file's parts, without decoding them.

    Raises:
        ServiceError: ``undecodable_frame``; the detail names the bound.
    """
    check = CHECKS.get(format_name)
    if check is not None:
        check(body)


def _check_jpeg(body: bytes) -> None:
    at, scans, segments, exifs, loose = 2, 0, 0, 0, 0
    while (marker := MARKER.search(body, at)) is not None:
        kind = body[marker.end() - 1]
        if kind == END_OF_IMAGE and scans:
            return
        loose += 0 if scans else marker.start() - at
        segments += 1
        scans += kind == START_OF_SCAN
        exifs += kind == APP1 and body.startswith(EXIF, marker.end() + 2)
        if scans > MAX_SCANS or segments > MAX_SEGMENTS or exifs > MAX_EXIFS or loose > MAX_LOOSE:
            break
        alone = kind in ALONE or (scans and kind in IN_A_SCAN)
        at = marker.end() + (0 if alone else int.from_bytes(body[marker.end() : marker.end() + 2], "big"))
    else:
        loose += 0 if scans else len(body) - at
    for number, most, what in (
        (scans, MAX_SCANS, "scans"),
        (segments, MAX_SEGMENTS, "segments"),
        (exifs, MAX_EXIFS, "Exif segments"),
        (loose, MAX_LOOSE, "bytes between its segments"),
    ):
        if number > most:
            raise undecodable(f"the JPEG has more than {most} {what}; encode it again")


def _check_png(body: bytes) -> None:
    at, chunks = PNG_SIGNATURE, 0
    while at < len(body):
        last = body[at + 4 : at + 8] == b"IEND"
        at += CHUNK_FRAME + int.from_bytes(body[at : at + 4], "big")
        chunks += 1
        if last:
            return
        if chunks > MAX_CHUNKS:
            raise undecodable(f"the PNG has more than {MAX_CHUNKS} chunks; encode it again")


def _check_bmp(body: bytes) -> None:
    has_compression = int.from_bytes(body[14:18], "little") >= LONG_BMP_HEADER
    if (
        has_compression
        and len(body) > MAX_RUN_LENGTHS
        and int.from_bytes(body[BMP_COMPRESSION], "little") in RUN_LENGTHS
    ):
        raise undecodable(
            f"the BMP is run-length encoded and larger than {MAX_RUN_LENGTHS} bytes; save it uncompressed"
        )


CHECKS: Final[dict[str, Callable[[bytes], None]]] = {"JPEG": _check_jpeg, "PNG": _check_png, "BMP": _check_bmp}
