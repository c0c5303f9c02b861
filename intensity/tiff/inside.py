"""Compressed images inside the strips and tiles of a TIFF: checked before a decoder gets them."""

import zlib
from typing import Any, Final

from numpy.typing import NDArray

from intensity.codestreams import JPEG_LS, Codestream, read_codestream
from intensity.counts import UnreadableCountsError
from intensity.jpeg import END, JpegParts, split_jpeg, whole_jpeg
from intensity.jpeg2000 import check_jpeg2000
from intensity.tiff import tags
from intensity.tiff.page import COMPRESSIONS, JPEG, Page

LERC: Final = 34887
IMAGE_CODECS: Final = frozenset((JPEG, 33003, 33004, 33005, 34712, LERC))


def checked_image(page: Page, data: bytes, segment_bytes: int) -> tuple[bytes, bool]:
    """The bytes of a segment for its decoder, and whether they are plain samples already, as those of a JPEG-LS are.

    Raises:
        UnreadableCountsError: its own header is missing, or names more pixels than the segment has.
    """
    if page.compression == JPEG:
        parts = split_jpeg(data)
        _check_size(page, parts.frame)
        return (_jpeg_ls(page, parts), True) if parts.frame.kind == JPEG_LS else (whole_jpeg(parts), False)
    if page.compression == LERC:
        data = _lerc(page, data, segment_bytes)
        _check_size(page, read_codestream(data))
    else:
        data, described = check_jpeg2000(data)
        _check_size(page, described)
    return data, False


def _check_size(page: Page, inner: Codestream | None) -> None:
    most = page.segment_width * page.segment_height
    if inner is None or inner.width * inner.height > most or inner.samples > page.samples:
        raise UnreadableCountsError(
            f"the TIFF data is truncated or damaged: its {COMPRESSIONS[page.compression]} data does not fit the page"
        )


def _jpeg_ls(page: Page, parts: JpegParts) -> bytes:
    """The samples of a JPEG-LS, in the byte order of the file."""
    import imagecodecs  # here, because most frames do not need it

    samples: NDArray[Any] = imagecodecs.jpegls_decode(parts.needed + END)
    if samples.dtype.itemsize != -(-page.bits // 8):
        raise UnreadableCountsError(f"the TIFF data is damaged: its JPEG-LS data has samples of {samples.dtype}")
    return samples.astype(samples.dtype.newbyteorder("<" if page.directory.order == "<" else ">")).tobytes()


def _lerc(page: Page, data: bytes, segment_bytes: int) -> bytes:
    """LERC data without the deflate that GDAL may put around it; zstd around it is not read."""
    parameters = page.directory.numbers(tags.LERC_PARAMETERS, 2)
    if len(parameters) == 2 and parameters[1] == 1:
        return zlib.decompressobj().decompress(data, 2 * segment_bytes + 4096)
    return data
