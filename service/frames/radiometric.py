"""Raw counts in the JPEG files of thermal cameras of FLIR: an ``FFF`` file in APP1 segments (ExifTool, FLIR tags).

Only the record of the raw counts is read. The packages for such files also decode the visible picture and all other
records, without a limit on what that costs.
"""

import struct
from typing import Final, NamedTuple

from intensity.jpeg import JpegParts

APP1: Final = 0xE1
FLIR: Final = b"FLIR\0"
HEAD: Final = 8  # bytes of a segment before its part of the file: FLIR, a zero, 1, number of the part, of the last part
MAX_RECORDS: Final = 1_024
RAW_COUNTS: Final = 1  # type of a record
ENTRY: Final = 32  # bytes of an entry of the index, and of the header of raw counts
DJI: Final = (0xE3, 0xE4)  # APP3 and APP4 hold the raw counts of DJI's cameras
MUCH: Final = 50_000  # bytes


class RawCounts(NamedTuple):
    """The raw counts: ``content`` is an image file, or rows of uint16 if ``is_image`` is False."""

    width: int
    height: int
    content: bytes
    is_image: bool
    order: str


def has_raw_counts(body: bytes, parts: JpegParts) -> bool:
    """Whether a JPEG carries raw counts beside its picture, in the segments of FLIR or of DJI."""
    flir = any(kind == APP1 and body.startswith(FLIR, start) for kind, start, _ in parts.applications)
    return flir or sum(end - start for kind, start, end in parts.applications if kind in DJI) > MUCH


def read_raw_counts(body: bytes, parts: JpegParts) -> RawCounts | None:
    """The raw counts of a radiometric JPEG of FLIR; None if there are none, or if they are damaged."""
    segments = [body[start:end] for kind, start, end in parts.applications if kind == APP1]
    pieces = sorted((piece for piece in segments if piece.startswith(FLIR)), key=lambda piece: piece[6:7])
    joined = b"".join(piece[HEAD:] for piece in pieces)
    try:
        return _record(joined) if joined.startswith((b"FFF\0", b"AFF\0")) else None
    except struct.error:
        return None


def _record(fff: bytes) -> RawCounts | None:
    (version,) = struct.unpack_from(">I", fff, 20)
    order = ">" if 100 <= version < 200 else "<"
    at, number = struct.unpack_from(f"{order}II", fff, 24)
    for index in range(min(number, MAX_RECORDS)):
        kind, offset, length = struct.unpack_from(f"{order}H10xII", fff, at + ENTRY * index)
        if kind == RAW_COUNTS:
            return _raw_counts(fff[offset : offset + length])
    return None


def _raw_counts(record: bytes) -> RawCounts | None:
    order = "<" if record[:2] == b"\2\0" else ">"
    width, height = struct.unpack_from(f"{order}HH", record, 2)
    content = record[ENTRY:]
    is_image = content.startswith((b"\x89PNG", b"II*\0", b"MM\0*", b"\xff\xd8\xff"))
    if not width or not height or (not is_image and len(content) < 2 * width * height):
        return None
    return RawCounts(width, height, content if is_image else content[: 2 * width * height], is_image, order)
