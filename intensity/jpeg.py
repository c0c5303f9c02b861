"""JPEG -> counts: JPEG (ITU T.81) with 8 or 12 bits, lossless JPEG, and JPEG-LS (ITU T.87).

Decoders get tables, frame and scans alone. Application segments and comments (Exif, colour profiles, thumbnails, raw
counts) can be many and costly, so none reaches a decoder, except the few bytes that name the colours.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from intensity.codestreams import (
    JPEG_LS,
    LOSSLESS,
    START_OF_FRAME,
    START_OF_SCAN,
    Codestream,
    read_start_of_frame,
)
from intensity.counts import Counts, StoredImage, UnreadableCountsError, decoded
from intensity.rasters import decoded_by_pillow

MAGIC: Final = b"\xff\xd8\xff"
MAX_SEGMENTS: Final = 4_096  # colour profiles, and raw counts of hand-held cameras, come in segments of 64 kB
MAX_SCANS: Final = 64  # in a progressive JPEG; encoders write about ten. Every scan passes over the whole frame
MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)  # ITU T.81, B.1.1.2, without restart markers
START_OF_IMAGE, END_OF_IMAGE, APPLICATION = 0xD8, 0xD9, range(0xE0, 0xF0)
TABLES: Final = frozenset(
    (0xDB, 0xC4, 0xCC, 0xDD, 0xF8)
)  # quantisation, Huffman, arithmetic, restarts, JPEG-LS presets
COLOURS: Final = {0xE0: b"JFIF\0", 0xE8: b"mrfx", 0xEE: b"Adobe"}  # application segments that name the colours
MAX_COLOURS: Final = 256  # bytes of such a segment; a thumbnail makes it larger
END: Final = bytes((0xFF, END_OF_IMAGE))
ALONE: Final = frozenset((0x01, START_OF_IMAGE))  # markers without a length
IN_A_SCAN: Final = frozenset(range(0x01, 0xC0))  # reserved, and data of a JPEG-LS


@dataclass(frozen=True, slots=True)
class JpegParts:
    """A JPEG taken apart.

    Attributes:
        frame: size and kind, from the start of frame.
        needed: a JPEG with tables, frame and scans alone.
        is_ended: whether the end marker is there.
        applications: kind, start and end of the content of each application segment before the first scan.
    """

    frame: Codestream
    needed: bytes
    is_ended: bool
    applications: tuple[tuple[int, int, int], ...]


def is_deep(frame: Codestream) -> bool:
    """Whether a JPEG is one that Pillow cannot read: JPEG-LS, lossless, or of more than 8 bits."""
    return frame.kind in (JPEG_LS, LOSSLESS) or frame.bits > 8


def split_jpeg(body: bytes) -> JpegParts:
    """Take a JPEG apart, without decoding anything.

    Raises:
        UnreadableCountsError: it has no frame or no scan, two frames, or too many segments or scans.
    """
    kept: list[bytes | memoryview] = [body[:2]]
    applications: list[tuple[int, int, int]] = []
    frame: Codestream | None = None
    colours = dict(COLOURS)
    scan = 0
    for kind, start, end in _segments(body):
        if kind == START_OF_SCAN:
            scan = start - 2
        elif kind in START_OF_FRAME:
            frame = _start_of_frame(kind, body[start:end], is_first=frame is None)
            kept.append(body[start - 2 : end])
        elif kind in TABLES or _names_colours(body, kind, start, end, colours):
            kept.append(body[start - 2 : end])
        if kind in APPLICATION:
            applications.append((kind, start + 2, end))
    if not scan or frame is None or not frame.width or not frame.height:
        raise UnreadableCountsError("the JPEG data is truncated or damaged: it has no frame or no scan")
    is_ended = _check_scans(body, scan)
    return JpegParts(frame, b"".join([*kept, memoryview(body)[scan:]]), is_ended, tuple(applications))


def _segments(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of each segment up to the first scan; they start behind the two bytes of the marker."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        marker = MARKER.search(body, at)
        if marker is None or body[marker.end() - 1] == END_OF_IMAGE:
            return
        kind, at = body[marker.end() - 1], marker.end()
        if kind in ALONE:
            continue
        start, at = at, at + int.from_bytes(body[at : at + 2], "big")
        yield kind, start, at
        if kind == START_OF_SCAN:
            return
    raise UnreadableCountsError(f"the JPEG has more than {MAX_SEGMENTS} segments; encode it again")


def _names_colours(body: bytes, kind: int, start: int, end: int, colours: dict[int, bytes]) -> bool:
    """Whether an application segment names the colours; only the first one of each kind does."""
    if kind not in colours or end - start > MAX_COLOURS or not body.startswith(colours[kind], start + 2):
        return False
    del colours[kind]
    return True


def _start_of_frame(kind: int, segment: bytes, is_first: bool) -> Codestream:
    if not is_first:
        raise UnreadableCountsError("the JPEG data is damaged: it has two frames")
    try:
        return read_start_of_frame(kind, segment)
    except struct.error:
        raise UnreadableCountsError("the JPEG data is truncated or damaged: its frame is cut off") from None


def _check_scans(body: bytes, at: int) -> bool:
    """Count segments and scans from the first scan on; whether the end marker is there."""
    scans = segments = 0
    while (marker := MARKER.search(body, at)) is not None:
        kind = body[marker.end() - 1]
        if kind == END_OF_IMAGE:
            return True
        segments += 1
        scans += kind == START_OF_SCAN
        for number, most, what in ((scans, MAX_SCANS, "scans"), (segments, MAX_SEGMENTS, "segments")):
            if number > most:
                raise UnreadableCountsError(f"the JPEG has more than {most} {what}; encode it again")
        at = marker.end() + (0 if kind in IN_A_SCAN else int.from_bytes(body[marker.end() : marker.end() + 2], "big"))
    return False


def open_jpeg(body: bytes) -> StoredImage:
    """Read the header: counts as stored, colour as Rec. 601 luminance.

    Raises:
        UnreadableCountsError: as ``split_jpeg``.
    """
    return open_parts(split_jpeg(body))


def open_parts(parts: JpegParts) -> StoredImage:
    """The picture of a JPEG that was taken apart."""
    frame = parts.frame
    if is_deep(frame):
        return StoredImage(*frame[:2], partial(_read_deep, parts))
    return StoredImage(*frame[:2], partial(decoded_by_pillow, parts.needed, *frame[:2], "JPEG"))


def whole_jpeg(parts: JpegParts) -> bytes:
    """What libjpeg gets.

    Raises:
        UnreadableCountsError: the end marker is missing, so libjpeg would fill what is missing with gray.
    """
    if not parts.is_ended:
        raise UnreadableCountsError("the JPEG data is truncated: its end marker is missing")
    return parts.needed


def _read_deep(parts: JpegParts) -> Counts:
    """JPEG-LS, lossless and 12-bit JPEG, which Pillow cannot read.

    Behind the end of the data CharLS reads 2**31 bits, for seconds. So it always meets an end marker.
    """
    import imagecodecs  # here, because most frames do not need it

    width, height = parts.frame[:2]
    if parts.frame.kind == JPEG_LS:
        return decoded(imagecodecs.jpegls_decode, parts.needed + END, width, height, "JPEG")
    return decoded(imagecodecs.jpeg_decode, whole_jpeg(parts), width, height, "JPEG")
