"""An image opened by Pillow -> counts, without the ways in which Pillow loses them.

``convert("L")`` clips 16-bit frames to 255, and 16-bit colour is cut to 8 bits while it is opened
(python-pillow/Pillow#3011): the first is never called on them, the second is refused.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from intensity.stored import load_stored
from intensity.tiff_tags import (
    BITS_PER_SAMPLE,
    EXTRA_SAMPLES,
    PHOTOMETRIC,
    PLANES,
    SAMPLE_FORMAT,
    SAMPLES_PER_PIXEL,
)

REC_601: Final = np.array([0.299, 0.587, 0.114], np.float32)
SEPARATE: Final = 2  # of PLANES
MULTIPLIED: Final = 1  # of EXTRA_SAMPLES: alpha that colours are multiplied with
WHITE_IS_ZERO: Final = 0  # of PHOTOMETRIC
UNSIGNED: Final = 1  # of SAMPLE_FORMAT
GRAY_ALPHA: Final = ("LA", "La")
COLOUR: Final = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")


class UnreadableCountsError(ValueError):
    """Pixels whose counts Pillow would lose or mistake, or that are none; and what to use instead."""


class Counts(NamedTuple):
    """``[H, W]`` uint8, uint16, float32 or float64, and the type that the file holds (colour: uint8)."""

    pixels: NDArray[np.generic]
    dtype: str


def read_counts(image: Image.Image) -> Counts:
    """Decode one page: gray as stored, colour as Rec. 601 luminance in float32; alpha is ignored.

    Args:
        image: opened and not yet decoded, since only then it tells of 16-bit colour.

    Raises:
        UnreadableCountsError: as it says.
        Exception: the bytes are damaged; hostile ones raise nearly anything in Pillow's readers.
    """
    _refuse_deep_colour(image)
    _refuse_divided_colour(image)
    load_stored(image)
    mode = image.mode
    if mode == "L" or mode.startswith("I;16"):
        return _gray(image)
    if mode == "F":
        if _tags(image).get(PHOTOMETRIC) == WHITE_IS_ZERO:
            raise UnreadableCountsError("float samples of which white is zero, and black nothing; make black zero")
        return Counts(np.asarray(image), "float32")
    if mode == "I":
        return _wide(image)
    if mode == "1":
        return Counts(np.asarray(image.convert("L")), "uint8")
    if mode in GRAY_ALPHA:
        return Counts(np.asarray(image.getchannel(0)), "uint8")
    if mode in COLOUR:
        image.info.pop("transparency", None)  # Pillow would warn of a palette that has some
        return Counts(np.asarray(image.convert("RGB"), np.float32) @ REC_601, "uint8")
    raise UnreadableCountsError(f"{mode} pixels are no infrared frame; use gray or RGB")


def _refuse_deep_colour(image: Image.Image) -> None:
    tags = _tags(image)
    if tags.get(SAMPLES_PER_PIXEL, 1) > 1 and max(np.atleast_1d(tags.get(BITS_PER_SAMPLE, 1))) > 8:
        raise UnreadableCountsError("a TIFF with several samples of more than 8 bits; 16-bit gray keeps every count")
    # by what Pillow will decode (``RGB;16B``): a hostile file may hide its header behind other chunks
    tiles = getattr(image, "tile", ())
    if image.format == "PNG" and image.mode != "I;16" and any("16" in str(tile.args) for tile in tiles):
        raise UnreadableCountsError("a 16-bit PNG with colour or alpha; 16-bit gray keeps every count")


def _refuse_divided_colour(image: Image.Image) -> None:
    """Pillow divides colours in planes of their own by alpha, whatever it is told."""
    tags = _tags(image)
    if tags.get(PLANES) == SEPARATE and MULTIPLIED in tags.get(EXTRA_SAMPLES, ()):
        raise UnreadableCountsError("a TIFF of separate planes with associated alpha; leave alpha out")


def _gray(image: Image.Image) -> Counts:
    """8 and 16 bits. Pillow turns white-is-zero round in 8 bits only, and reads signed bytes as if they had no sign."""
    tags, stored = _tags(image), np.asarray(image)
    if image.mode == "L" and _signed(tags):
        raise UnreadableCountsError("8-bit samples with a sign; use unsigned ones")
    pixels = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if image.mode != "L" and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        pixels = np.iinfo(pixels.dtype).max - pixels
    return Counts(pixels, pixels.dtype.name)


def _wide(image: Image.Image) -> Counts:
    """Signed or 32-bit counts: float64 holds all of them. Pillow reads unsigned ones as if they had a sign."""
    pixels: NDArray[np.int32] = np.asarray(image)
    tags = _tags(image)
    if not _signed(tags):
        return Counts(pixels.view(np.uint32).astype(np.float64), "uint32")
    return Counts(pixels.astype(np.float64), "int16" if tags.get(BITS_PER_SAMPLE) == (16,) else "int32")


def _signed(tags: Any) -> bool:
    """Whether samples have a sign; a format may stand for each sample of a pixel."""
    return set(tags.get(SAMPLE_FORMAT, (UNSIGNED,))) != {UNSIGNED}


def _tags(image: Image.Image) -> Any:
    """Of a TIFF; other forms have none."""
    return getattr(image, "tag_v2", {})
