"""Reads PNG, TIFF, JPEG and BMP with Pillow; counts are read by ``intensity.rasters``, which training uses too."""

import io
from collections.abc import Iterator
from typing import Final

from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from intensity.rasters import UnreadableCountsError, read_counts
from intensity.tiff_tags import TILE_LENGTH, TILE_WIDTH
from service.errors import Reason, ServiceError
from service.frames.cost import refuse_costly
from service.frames.frame import Budget, Frame, make_frame, undecodable
from service.frames.tiff_samples import describe_samples, first_page_samples, no_mode_for

MEDIA_TYPES: Final = ("image/png", "image/tiff", "image/jpeg", "image/bmp")
MAGICS: Final[dict[str, tuple[bytes, ...]]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JPEG": (b"\xff\xd8\xff",),
    "BMP": (b"BM",),
}
BOMB: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def read_raster(body: bytes, format_name: str, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read one image file; every page of a TIFF is a frame."""
    refuse_costly(body, format_name)
    image = _open(body, format_name)
    frames: list[Frame | ServiceError] = []
    for page in _pages(image):
        if isinstance(page, ServiceError):
            budget.take(1, 1)  # a file may have a long chain of unreadable pages
            frames.append(page)
            continue
        budget.take(*_allocated(page))
        try:
            frames.append(_read_page(page, name))
        except ServiceError as fault:
            frames.append(fault.bare())
    return frames


def _open(body: bytes, format_name: str) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(body), formats=(format_name,))
    except BOMB as error:
        raise ServiceError(Reason.TOO_MANY_PIXELS, "the file has hundreds of millions of pixels") from error
    except Exception as error:  # hostile bytes raise nearly any exception in Pillow's readers
        samples = first_page_samples(body) if format_name == "TIFF" else None
        raise undecodable(samples or f"the {format_name} file cannot be read: {_describe(error)}") from error


def _pages(image: ImageFile.ImageFile) -> Iterator[Image.Image | ServiceError]:
    """The image itself, then the other pages of a TIFF. Pillow stops at a page that it has seen before."""
    yield image
    index = 0
    while isinstance(image, TiffImageFile):
        index += 1
        try:
            image.seek(index)
        except EOFError:
            return
        except Exception as error:  # as in _open
            if no_mode_for(error):
                yield undecodable(describe_samples(image.tag_v2))
                continue
            yield undecodable(f"page {index} of the TIFF cannot be found: {_describe(error)}")
            return  # the chain of pages is broken here
        yield image


def _allocated(page: Image.Image) -> tuple[int, int]:
    """Width and height that decoding allocates: a tile of a TIFF may be larger than its frame."""
    width, height = (getattr(page, "tag_v2", {}).get(tag) for tag in (TILE_WIDTH, TILE_LENGTH))
    if not isinstance(width, int) or not isinstance(height, int):
        return page.width, page.height
    return max(page.width, width), max(page.height, height)


def _read_page(page: Image.Image, name: str | None) -> Frame:
    try:
        counts, dtype = read_counts(page)
    except UnreadableCountsError as error:
        raise undecodable(str(error)) from error
    except Exception as error:  # as in _open
        raise undecodable(f"the {page.format} data is truncated or damaged: {_describe(error)}") from error
    return make_frame(counts, dtype, name)


def _describe(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "damaged or unusual header"  # Pillow's own message names an object in memory
    return str(error) or type(error).__name__
