"""16-bit PNG with colour or alpha, which Pillow would cut to 8 bits (PNG, third edition, section 5)."""

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import Counts, UnreadableCountsError, luminance

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PIXELS: Final = (b"IHDR", b"IDAT", b"IEND")


def read_deep_png(body: bytes, size: tuple[int, int]) -> Counts:
    """Gray as stored, colour as Rec. 601 luminance; alpha is ignored. Only header and pixels reach the decoder.

    Args:
        body: the whole file.
        size: width and height, as they were counted.

    Raises:
        UnreadableCountsError: the file is damaged, or of another size.
    """
    import imagecodecs  # here, because most frames do not need it

    pixels = _pixels_only(body)
    if struct.unpack_from(">II", pixels, 16) != size:
        raise UnreadableCountsError("the PNG data is damaged: it has two headers")
    try:
        samples: NDArray[Any] = imagecodecs.png_decode(pixels)
    except Exception as error:  # hostile bytes raise nearly any exception
        raise UnreadableCountsError(f"the PNG data is truncated or damaged: {error}") from error
    if samples.dtype != np.uint16 or samples.ndim != 3:
        raise UnreadableCountsError(f"the PNG data is damaged: {samples.dtype} in {samples.ndim} dimensions")
    if samples.shape[2] < 3:
        return Counts(np.ascontiguousarray(samples[..., 0]), "uint16")
    return Counts(luminance(samples[..., :3]), "uint16")


def _pixels_only(body: bytes) -> bytes:
    """The file with the chunks of ``PIXELS`` alone; the first header counts."""
    at, kept = len(SIGNATURE), [SIGNATURE]
    has_header = False
    while at + 12 <= len(body):
        length, kind = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 8]
        end = at + 12 + length
        if kind in PIXELS and not (kind == b"IHDR" and has_header):
            if end > len(body) or int.from_bytes(body[end - 4 : end], "big") != zlib.crc32(body[at + 4 : end - 4]):
                raise UnreadableCountsError("the PNG data is truncated or damaged: a checksum is wrong")
            kept.append(body[at:end])
            has_header = True
        at = end
        if kind == b"IEND":
            break
    if len(kept) < 4 or kept[1][4:8] != b"IHDR" or len(kept[1]) != 25:
        raise UnreadableCountsError("the PNG data is truncated or damaged: header or pixels are missing")
    return b"".join(kept)
