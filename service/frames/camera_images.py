"""Images of cameras that Pillow cannot read: JPEG-LS, lossless and 12-bit JPEG, JPEG 2000, and PGM."""

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import luminance, make_counts
from intensity.tiff.codestreams import JPEG_LS, LOSSLESS, Codestream, read_codestream
from service.errors import ServiceError
from service.frames.frame import Budget, Frame, make_frame, undecodable

JPEG2000_TYPE: Final = "image/jp2"
PGM_TYPE: Final = "image/x-portable-graymap"
JPEG2000_MAGICS: Final = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
PGM_MAGIC: Final = b"P5"
END_OF_IMAGE: Final = b"\xff\xd9"
PGM_TOKEN: Final = re.compile(rb"[0-9]{1,9}|#|\s")
PGM_HEADER_BYTES: Final = 4_096
MAX_BOXES: Final = 256  # of a JPEG 2000 file


def is_deep_jpeg(body: bytes) -> Codestream | None:
    """The size of a JPEG that Pillow cannot read; None for other files."""
    found = read_codestream(body)
    return found if found is not None and (found.kind in (JPEG_LS, LOSSLESS) or found.bits > 8) else None


def read_deep_jpeg(body: bytes, described: Codestream, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read a JPEG-LS, a lossless or a 12-bit JPEG."""
    import imagecodecs  # here, because most frames do not need it

    budget.take(described.width, described.height)
    if described.kind == JPEG_LS and not body.rstrip(b"\0").endswith(END_OF_IMAGE):
        # CharLS reads 2**31 bits, for seconds, behind the end of some truncated files
        raise undecodable("the JPEG data is truncated: its end marker is missing")
    decode = imagecodecs.jpegls_decode if described.kind == JPEG_LS else imagecodecs.jpeg_decode
    return [_read(decode, body, described, name, "JPEG")]


def read_jpeg2000(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read a JPEG 2000 codestream, or the first one of a file of boxes."""
    import imagecodecs

    codestream = _codestream(body)
    described = read_codestream(codestream) if codestream else None
    if described is None:
        raise undecodable("the JPEG 2000 file cannot be read: damaged or unusual header")
    budget.take(described.width, described.height)
    return [_read(imagecodecs.jpeg2k_decode, codestream, described, name, "JPEG 2000")]


def read_pgm(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read a binary PGM; counts of more than 8 bits have their high byte first."""
    width, height, largest, start = _pgm_header(body[:PGM_HEADER_BYTES])
    if not width or not height or not 0 < largest < 65_536:
        raise undecodable(f"the PGM header describes {width}x{height} pixels up to {largest}")
    budget.take(width, height)
    dtype = np.dtype(">u2" if largest > 255 else "u1")
    if len(body) - start < width * height * dtype.itemsize:
        raise undecodable("the PGM data is truncated")
    counts = np.frombuffer(body, dtype, width * height, start).reshape(height, width)
    return [make_frame(counts, dtype.name, name)]


def _pgm_header(header: bytes) -> tuple[int, int, int, int]:
    """Width, height, largest count, and the offset of the counts; a comment runs to the end of its line."""
    numbers: list[int] = []
    at = len(PGM_MAGIC)
    while len(numbers) < 3:
        token = PGM_TOKEN.match(header, at)
        if token is None:
            raise undecodable("the PGM header cannot be read")
        at = token.end()
        if token[0] == b"#":
            at = header.find(b"\n", at) + 1 or len(header)
        elif token[0].isdigit():
            numbers.append(int(token[0]))
    if not header[at : at + 1].isspace():
        raise undecodable("the PGM header cannot be read")
    width, height, largest = numbers
    return width, height, largest, at + 1


def _read(decode: Any, body: bytes, described: Codestream, name: str | None, form: str) -> Frame:
    try:
        samples: NDArray[Any] = decode(body)
    except Exception as error:  # hostile bytes raise nearly any exception
        raise undecodable(f"the {form} data is truncated or damaged: {error or type(error).__name__}") from error
    if samples.shape[:2] != (described.height, described.width):
        raise undecodable(f"the {form} data is damaged: its size differs from that of its header")
    if samples.ndim == 2:
        return make_frame(make_counts(samples), samples.dtype.name, name)
    if samples.shape[2] in (1, 2):
        return make_frame(make_counts(samples[..., 0]), samples.dtype.name, name)
    if samples.dtype.kind != "u" or samples.dtype.itemsize > 2:
        raise undecodable(f"the {form} has colours of type {samples.dtype}; save it as gray")
    return make_frame(luminance(samples[..., :3]), samples.dtype.name, name)


def _codestream(body: bytes) -> bytes:
    """The codestream alone, so that no other box reaches the decoder; empty if there is none."""
    if not body.startswith(JPEG2000_MAGICS[0]):
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
