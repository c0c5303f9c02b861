"""Files whose decoding would take a time that their pixels do not tell: a step in a thread cannot be ended.

Every scan of a JPEG goes over the whole frame; what lies between the parts of a file, and some parts, Pillow reads byte
by byte in Python. Bounds on JPEG and PNG are far beyond what encoders write; a BMP can be saved without run lengths.
"""

import re
from collections.abc import Callable
from typing import Final

from service.frames.frame import undecodable

SCANS: Final = 64  # of a progressive JPEG; encoders write about ten
SEGMENTS: Final = 4_096  # of a JPEG; of 64 kB each, as colour profiles and raw counts of hand-held cameras are stored
CHUNKS: Final = 10_000  # of a PNG
LOOSE: Final = 65_536  # bytes before the first scan of a JPEG that belong to no segment
RUNS: Final = 1_048_576  # bytes of a BMP of run lengths

MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)  # ITU T.81, B.1.1.2; restarts belong to a scan
START_OF_SCAN, END_OF_IMAGE, APP1, EXIF = 0xDA, 0xD9, 0xE1, b"Exif\0\0"
ALONE: Final = frozenset((0x01, 0xC8, 0xD8, 0xD9, *range(0xF0, 0xFE)))  # Pillow gives these no length
IN_A_SCAN: Final = frozenset(range(0x01, 0xC0))  # reserved; libjpeg looks for a restart behind them, not for a length
EXIFS: Final = 64  # of a JPEG: Pillow joins them, each time anew
PNG_SIGNATURE, CHUNK_FRAME = 8, 12  # bytes; length, type and checksum of a chunk
BMP_COMPRESSION: Final = slice(30, 34)
RUN_LENGTHS: Final = (1, 2)  # of 8 and of 4 bits
LONG_BMP_HEADER: Final = 40


def refuse_costly(body: bytes, format_name: str) -> None:
    """Look at the parts of a file, not into them.

    Raises:
        ServiceError: ``undecodable_frame``, with the bound.
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
        if scans > SCANS or segments > SEGMENTS or exifs > EXIFS or loose > LOOSE:
            break
        alone = kind in ALONE or (scans and kind in IN_A_SCAN)
        at = marker.end() + (0 if alone else int.from_bytes(body[marker.end() : marker.end() + 2], "big"))
    else:
        loose += 0 if scans else len(body) - at
    for number, most, what in (
        (scans, SCANS, "scans"),
        (segments, SEGMENTS, "segments"),
        (exifs, EXIFS, "Exif segments"),
        (loose, LOOSE, "bytes between its segments"),
    ):
        if number > most:
            raise undecodable(f"a JPEG of more than {most} {what}")


def _check_png(body: bytes) -> None:
    at, chunks = PNG_SIGNATURE, 0
    while at < len(body):
        last = body[at + 4 : at + 8] == b"IEND"
        at += CHUNK_FRAME + int.from_bytes(body[at : at + 4], "big")
        chunks += 1
        if last:
            return
        if chunks > CHUNKS:
            raise undecodable(f"a PNG of more than {CHUNKS} chunks")


def _check_bmp(body: bytes) -> None:
    has_compression = int.from_bytes(body[14:18], "little") >= LONG_BMP_HEADER
    if has_compression and len(body) > RUNS and int.from_bytes(body[BMP_COMPRESSION], "little") in RUN_LENGTHS:
        raise undecodable(f"a BMP of run lengths, larger than {RUNS} bytes; without them any size is read")


CHECKS: Final[dict[str, Callable[[bytes], None]]] = {"JPEG": _check_jpeg, "PNG": _check_png, "BMP": _check_bmp}
