"""JPEG 2000 (ITU T.800) -> counts, decoded by OpenJPEG, which gets the codestream alone."""

from functools import partial
from typing import Final

from intensity.codestreams import J2K_BOX, J2K_START, read_codestream
from intensity.counts import Counts, StoredImage, UnreadableCountsError, decoded

MAGICS: Final = (J2K_BOX, J2K_START)
MAX_BOXES: Final = 256  # of a file


def open_jpeg2000(body: bytes) -> StoredImage:
    """Read the header of a codestream, or of the first one of a file of boxes: gray, or luminance of colours.

    Raises:
        UnreadableCountsError: there is none, or it is damaged.
    """
    codestream = _codestream(body)
    described = read_codestream(codestream) if codestream else None
    if described is None:
        raise UnreadableCountsError("the JPEG 2000 file cannot be read: damaged or unusual header")
    return StoredImage(*described[:2], partial(_read, codestream, *described[:2]))


def _read(codestream: bytes, width: int, height: int) -> Counts:
    import imagecodecs  # here, because most frames do not need it

    return decoded(imagecodecs.jpeg2k_decode, codestream, width, height, "JPEG 2000")


def _codestream(body: bytes) -> bytes:
    """The codestream alone, so that no other box reaches the decoder; empty if there is none."""
    if not body.startswith(J2K_BOX):
        return body
    at = 0
    for _ in range(MAX_BOXES):
        length, kind, start = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 8], at + 8
        if length == 1:
            length, start = int.from_bytes(body[at + 8 : at + 16], "big"), at + 16
        if kind == b"jp2c":
            return body[start : at + length] if length else body[start:]
        if length < 8:
            return b""
        at += length
    return b""
