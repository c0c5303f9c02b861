"""BMP -> counts, decoded by Pillow."""

import struct
from functools import partial
from typing import Final

from intensity.counts import StoredImage, UnreadableCountsError
from intensity.rasters import decoded_by_pillow

MAGIC: Final = b"BM"
CORE_HEADER, INFO_HEADER = 12, 40  # bytes of the headers of OS/2 and of Windows
RUN_LENGTHS: Final = (1, 2)  # compressions of 8 and of 4 bits
MAX_RUN_LENGTHS: Final = 1_048_576  # bytes of a file with run lengths, which Pillow reads one by one


def open_bmp(body: bytes) -> StoredImage:
    """Read the header: gray as stored, colour as Rec. 601 luminance.

    Raises:
        UnreadableCountsError: the header is damaged, or decoding would take far longer than the size suggests.
    """
    try:
        (header,) = struct.unpack_from("<I", body, 14)
        width, height = struct.unpack_from("<HH" if header == CORE_HEADER else "<ii", body, 18)
        compression = 0 if header < INFO_HEADER else struct.unpack_from("<I", body, 30)[0]
    except struct.error:
        raise UnreadableCountsError("the BMP file cannot be read: its header is cut off") from None
    if compression in RUN_LENGTHS and len(body) > MAX_RUN_LENGTHS:
        raise UnreadableCountsError(
            f"the BMP is run-length encoded and larger than {MAX_RUN_LENGTHS} bytes; save it uncompressed"
        )
    size = abs(width), abs(height)  # rows from top to bottom have a negative height
    return StoredImage(*size, partial(decoded_by_pillow, body, *size, "BMP"))
