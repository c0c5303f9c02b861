"""Sizes that compressed images name, inside a TIFF or on their own: read before a decoder allocates memory.

JPEG and JPEG-LS: ITU T.81, B.2.2, and T.87, C.2.2. JPEG 2000: ITU T.800, A.5.1. LERC: the header of its second version.
"""

import re
import struct
from typing import Final, NamedTuple

MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)  # without restart markers
NO_FRAME: Final = {0xC4, 0xC8, 0xCC}  # tables and a reserved marker among those of frames
START_OF_FRAME: Final = frozenset({*range(0xC0, 0xD0), 0xF7} - NO_FRAME)
JPEG_LS, LOSSLESS = 0xF7, 0xC3
START_OF_SCAN, START_OF_IMAGE = 0xDA, 0xD8
J2K_START: Final = b"\xff\x4f\xff\x51"
J2K_BOX: Final = b"\0\0\0\x0cjP  \r\n\x87\n"
MAX_SEGMENTS: Final = 4_096  # before the start of frame
MAX_J2K_TILES: Final = 4_096
LERC2: Final = b"Lerc2 "


class Codestream(NamedTuple):
    """What a compressed image says about itself; ``kind`` is the marker of a JPEG's frame, 0 for other formats."""

    width: int
    height: int
    samples: int
    bits: int
    kind: int = 0


def read_codestream(data: bytes) -> Codestream | None:
    """The size of a JPEG, a JPEG-LS, a JPEG 2000 or a LERC image; None for anything else, or damaged ones."""
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith((J2K_START, J2K_BOX)):
            return _jpeg2000(data)
        return _lerc(data) if data.startswith(LERC2) else None
    except (struct.error, IndexError):
        return None


def _jpeg(data: bytes) -> Codestream | None:
    at = 2
    for _ in range(MAX_SEGMENTS):
        found = MARKER.search(data, at)
        if found is None:
            return None
        kind = data[found.end() - 1]
        if kind in START_OF_FRAME:
            return read_start_of_frame(kind, data[found.end() : found.end() + 8])
        if kind == START_OF_SCAN:
            return None
        at = found.end() + (0 if kind == START_OF_IMAGE else int.from_bytes(data[found.end() : found.end() + 2], "big"))
    return None


def read_start_of_frame(kind: int, segment: bytes) -> Codestream:
    """The size in a start of frame of a JPEG: length, bits, height, width, samples (ITU T.81, B.2.2).

    Raises:
        struct.error: it is cut off.
    """
    bits, height, width, samples = struct.unpack_from(">BHHB", segment, 2)
    return Codestream(width, height, samples, bits, kind)


def _jpeg2000(data: bytes) -> Codestream | None:
    at = data.find(J2K_START)
    if at < 0:
        return None
    right, bottom, left, top, across, down, x, y, samples = struct.unpack_from(">8IH", data, at + 8)
    if right <= left or bottom <= top or not across or not down or not 1 <= samples <= 4:
        return None
    if -(-(right - x) // across) * -(-(bottom - y) // down) > MAX_J2K_TILES:
        return None
    bits = 1 + (data[at + 42] & 0x7F)
    return Codestream(right - left, bottom - top, samples, bits)


def _lerc(data: bytes) -> Codestream | None:
    (version,) = struct.unpack_from("<i", data, 6)
    at = 10 + (4 if version >= 3 else 0)  # a checksum
    rows, columns, samples = struct.unpack_from("<iii", data, at)
    samples = samples if version >= 4 else 1
    return Codestream(columns, rows, samples, 0) if min(rows, columns, samples) > 0 else None
