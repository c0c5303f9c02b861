"""PNG, TIFF, JPEG and BMP through Pillow, without the ways in which Pillow loses counts.

``convert("L")`` clips 16-bit frames to 255, and 16-bit colour is cut to 8 bits while it is opened
(python-pillow/Pillow#3011): the first is never called on them, the second is refused.
"""

import io
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from service.errors import Reason, ServiceError
from service.frames.frame import Budget, Frame, make_frame, undecodable

MEDIA_TYPES: Final = ("image/png", "image/tiff", "image/jpeg", "image/bmp")
MAGICS: Final[dict[str, tuple[bytes, ...]]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JPEG": (b"\xff\xd8\xff",),
    "BMP": (b"BM",),
}
REC_601: Final = np.array([0.299, 0.587, 0.114], np.float32)
BITS_PER_SAMPLE, SAMPLES_PER_PIXEL, TILE_WIDTH, TILE_LENGTH, SAMPLE_FORMAT = 258, 277, 322, 323, 339  # TIFF 6.0 tags
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
UNSIGNED: Final = 1  # of SAMPLE_FORMAT
BOMB: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)
GRAY_ALPHA: Final = ("LA", "La")
COLOUR: Final = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")


def read_raster(body: bytes, format_name: str, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read one image file; every page of a TIFF is a frame."""
    image = _open(body, format_name)
    _refuse_deep_colour_png(image)
    frames: list[Frame | ServiceError] = []
    for page in _pages(image):
        if isinstance(page, ServiceError):
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
        raise ServiceError(Reason.TOO_MANY_PIXELS, "the header names hundreds of millions of pixels") from error
    except Exception as error:  # hostile bytes raise nearly anything in Pillow's readers
        raise undecodable(f"not a readable {format_name} file: {_describe(error)}") from error


def _pages(image: Image.Image) -> Iterator[Image.Image | ServiceError]:
    """The image itself, then the further pages of a TIFF; Pillow ends chains that loop."""
    yield image
    index = 0
    while image.format == "TIFF":
        index += 1
        try:
            image.seek(index)
        except EOFError:
            return
        except Exception as error:  # as in _open
            yield undecodable(f"page {index} cannot be found: {_describe(error)}")
            return  # the chain is broken: neither can what follows
        yield image


def _allocated(page: Image.Image) -> tuple[int, int]:
    """Width and height that decoding takes memory for: the tile of a TIFF may be larger than its frame."""
    width, height = (getattr(page, "tag_v2", {}).get(tag) for tag in (TILE_WIDTH, TILE_LENGTH))
    if not isinstance(width, int) or not isinstance(height, int):
        return page.width, page.height
    return max(page.width, width), max(page.height, height)


def _read_page(page: Image.Image, name: str | None) -> Frame:
    _refuse_deep_colour_tiff(page)
    try:
        page.load()
    except Exception as error:  # as in _open
        raise undecodable(f"truncated or damaged {page.format} data: {_describe(error)}") from error
    counts, dtype = _counts(page)
    return make_frame(counts, dtype, name)


def _counts(page: Image.Image) -> tuple[NDArray[np.generic], str]:
    """``[H, W]`` counts and the type they were sent in; alpha is ignored, colour becomes luminance."""
    mode = page.mode
    if mode == "L" or mode.startswith("I;16"):
        return _gray_counts(page)
    if mode == "F":
        return np.asarray(page), "float32"
    if mode == "I":
        return _wide_counts(page)
    if mode == "1" or mode in GRAY_ALPHA:
        return np.asarray(page.convert("L")), "uint8"
    if mode in COLOUR:
        page.info.pop("transparency", None)  # alpha is ignored; Pillow would warn of a palette that has some
        luminance: NDArray[np.float32] = np.asarray(page.convert("RGB"), np.float32) @ REC_601
        return luminance, "uint8"
    raise undecodable(f"{mode} pixels are no infrared frame; send gray or RGB")


def _gray_counts(page: Image.Image) -> tuple[NDArray[np.generic], str]:
    """8 and 16 bits. Pillow turns white-is-zero round in 8 bits only, and reads signed bytes as if they had no sign."""
    tags, pixels = getattr(page, "tag_v2", {}), np.asarray(page)
    if page.mode == "L" and tags.get(SAMPLE_FORMAT, (UNSIGNED,)) != (UNSIGNED,):
        raise undecodable("8-bit samples with a sign; send unsigned ones")
    name = pixels.dtype.newbyteorder("=").name
    if page.mode != "L" and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        return np.iinfo(pixels.dtype).max - pixels, name
    return pixels, name


def _wide_counts(page: Image.Image) -> tuple[NDArray[np.generic], str]:
    """Signed or 32-bit counts: float64 holds all of them. Pillow reads unsigned ones as if they had a sign."""
    pixels: NDArray[np.int32] = np.asarray(page)
    tags = getattr(page, "tag_v2", {})
    if tags.get(SAMPLE_FORMAT, (UNSIGNED,)) == (UNSIGNED,):
        return pixels.view(np.uint32).astype(np.float64), "uint32"
    return pixels.astype(np.float64), "int16" if tags.get(BITS_PER_SAMPLE) == (16,) else "int32"


def _refuse_deep_colour_png(image: ImageFile.ImageFile) -> None:
    """By what Pillow will decode (``RGB;16B``), since a hostile file may hide its header behind other chunks."""
    if image.format == "PNG" and image.mode != "I;16" and any("16" in str(tile.args) for tile in image.tile):
        raise undecodable("a 16-bit PNG with colour or alpha; send 16-bit gray, so that no count is lost")


def _refuse_deep_colour_tiff(page: Image.Image) -> None:
    tags = getattr(page, "tag_v2", {})
    if tags.get(SAMPLES_PER_PIXEL, 1) > 1 and max(np.atleast_1d(tags.get(BITS_PER_SAMPLE, 1))) > 8:
        raise undecodable("a TIFF with several samples of more than 8 bits; send 16-bit gray, so that no count is lost")


def _describe(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "damaged or unusual header"  # Pillow's words name an object in memory
    return str(error) or type(error).__name__
