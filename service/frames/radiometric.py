"""Raw counts in the JPEG files of thermal cameras of FLIR: an ``FFF`` file in APP1 segments (ExifTool, FLIR tags).

Two records are read: the raw counts, and how they become temperatures. The packages for such files also decode the
visible picture and all other records, without a limit on what that costs. So flyr, which knows how counts become
temperatures, gets that one record and never the file; the extra ``radiometric`` installs it.
"""

import struct
from io import BytesIO
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from intensity.jpeg import JpegParts
from service.frames.frame import Celsius

APP1: Final = 0xE1
FLIR: Final = b"FLIR\0"
HEAD: Final = 8  # bytes of a segment before its part of the file: FLIR, a zero, 1, number of the part, of the last part
MAX_RECORDS: Final = 1_024
RAW_COUNTS, CAMERA = 1, 32  # types of records
OTHER_ORDER: Final = b"\0\2"  # a record of the camera begins with 2; flyr reads those with the low byte first
NO_FLYR: Final = (
    "the temperature of targets needs the extra radiometric: pip install 'rrcanet-serve[radiometric]'; or send "
    "radiometry=GAIN:OFFSET"
)
NO_CONSTANTS: Final = "the file does not say how its counts become temperatures; send radiometry=GAIN:OFFSET"
ENTRY: Final = 32  # bytes of an entry of the index, and of the header of raw counts
DJI: Final = (0xE3, 0xE4)  # APP3 and APP4 hold the raw counts of DJI's cameras
MUCH: Final = 50_000  # bytes


class RawCounts(NamedTuple):
    """The raw counts: ``content`` is an image file, or rows of uint16 if ``is_image`` is False.

    ``camera`` is the record that says how counts become temperatures; None if there is none.
    """

    width: int
    height: int
    content: bytes
    is_image: bool
    order: str
    camera: bytes | None = None


class UnknownTemperaturesError(ValueError):
    """Nobody knows how counts become temperatures; the message says why, and what to do."""


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
        record = _record(joined, RAW_COUNTS) if joined.startswith((b"FFF\0", b"AFF\0")) else None
        found = None if record is None else _raw_counts(record)
        return found and found._replace(camera=_record(joined, CAMERA))
    except struct.error:
        return None


def read_celsius(camera: bytes | None) -> Celsius:
    """The temperatures that raw counts stand for, by the constants in the record of the camera.

    They count the emissivity, the distance and the air that the camera was set to.

    Raises:
        UnknownTemperaturesError: flyr is missing, or the record is missing or damaged.
    """
    try:
        from flyr import FlyrThermogram
        from flyr.thermal import parse_camera_info
    except ImportError:
        raise UnknownTemperaturesError(NO_FLYR) from None
    if camera is None or camera.startswith(OTHER_ORDER):
        raise UnknownTemperaturesError(NO_CONSTANTS)
    try:
        constants = parse_camera_info(BytesIO(camera), (0, CAMERA, 0, len(camera)))

        def celsius(counts: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(FlyrThermogram(counts, constants).celsius)

        with np.errstate(all="ignore"):
            celsius(np.zeros(1))  # its arithmetic of constants raises what that of every other count would
    except (ArithmeticError, ValueError, struct.error):
        raise UnknownTemperaturesError(NO_CONSTANTS) from None
    return celsius


def _record(fff: bytes, sought: int) -> bytes | None:
    """The first record of a type."""
    (version,) = struct.unpack_from(">I", fff, 20)
    order = ">" if 100 <= version < 200 else "<"
    at, number = struct.unpack_from(f"{order}II", fff, 24)
    for index in range(min(number, MAX_RECORDS)):
        kind, offset, length = struct.unpack_from(f"{order}H10xII", fff, at + ENTRY * index)
        if kind == sought:
            return fff[offset : offset + length]
    return None


def _raw_counts(record: bytes) -> RawCounts | None:
    order = "<" if record[:2] == b"\2\0" else ">"
    width, height = struct.unpack_from(f"{order}HH", record, 2)
    content = record[ENTRY:]
    is_image = content.startswith((b"\x89PNG", b"II*\0", b"MM\0*", b"\xff\xd8\xff"))
    if not width or not height or (not is_image and len(content) < 2 * width * height):
        return None
    return RawCounts(width, height, content if is_image else content[: 2 * width * height], is_image, order)
