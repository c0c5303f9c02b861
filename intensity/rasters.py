"""An image opened by Pillow -> counts. Files whose counts Pillow would lose are refused.

``convert("L")`` clips 16-bit frames to 255, so it is never called on them. Pillow cuts 16-bit colour to 8 bits while it
opens a file (python-pillow/Pillow#3011), so 16-bit colour is refused.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

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
SEPARATE: Final = 2  # value of PLANES
MULTIPLIED: Final = 1  # value of EXTRA_SAMPLES: colours are already multiplied by alpha
WHITE_IS_ZERO: Final = 0  # value of PHOTOMETRIC
UNSIGNED: Final = 1  # value of SAMPLE_FORMAT
GRAY_ALPHA: Final = ("LA", "La")
COLOUR: Final = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")


class UnreadableCountsError(ValueError):
    """Pillow cannot return the counts of these pixels as stored; the message says what to use instead."""


class Counts(NamedTuple):
    """``pixels [H, W]`` of uint8, uint16, float32 or float64; ``dtype`` is the type in the file (uint8 for colour)."""

    pixels: NDArray[np.generic]
    dtype: str


def read_counts(image: Image.Image) -> Counts:
    """Decode one page: gray as stored, colour as Rec. 601 luminance in float32; alpha is ignored.

    Args:
        image: opened but not yet decoded. Once it is decoded, 16-bit colour cannot be recognised any more.

    Raises:
        UnreadableCountsError: Pillow cannot return the counts as stored.
        Exception: the bytes are damaged. Hostile bytes raise nearly any exception in Pillow's readers.
    """
    _refuse_deep_colour(image)
    _refuse_divided_colour(image)
    _load(image)
    mode = image.mode
    if mode == "L" or mode.startswith("I;16"):
        return _gray(image)
    if mode == "F":
        if _tags(image).get(PHOTOMETRIC) == WHITE_IS_ZERO:
            raise UnreadableCountsError(
                "a TIFF of float samples cannot be white-is-zero; save it with black as zero (BlackIsZero)"
            )
        return Counts(np.asarray(image), "float32")
    if mode == "I":
        return _wide(image)
    if mode == "1":
        return Counts(np.asarray(image.convert("L")), "uint8")
    if mode in GRAY_ALPHA:
        return Counts(np.asarray(image.getchannel(0)), "uint8")
    if mode in COLOUR:
        image.info.pop("transparency", None)  # Pillow warns about a palette with transparency
        return Counts(np.asarray(image.convert("RGB"), np.float32) @ REC_601, "uint8")
    raise UnreadableCountsError(f"pixels of mode {mode} are not supported; save the frame as gray or RGB")


def _load(image: Image.Image) -> None:
    if isinstance(image, TiffImageFile):
        load_stored(image)
    else:
        image.load()


def _refuse_deep_colour(image: Image.Image) -> None:
    tags = _tags(image)
    if tags.get(SAMPLES_PER_PIXEL, 1) > 1 and max(np.atleast_1d(tags.get(BITS_PER_SAMPLE, 1))) > 8:
        raise UnreadableCountsError(
            "a TIFF with several samples per pixel may have at most 8 bits per sample; save it as 16-bit gray"
        )
    # asks Pillow's decoder (``RGB;16B``) and not the header, which a hostile file may hide behind other chunks
    tiles = getattr(image, "tile", ())
    if image.format == "PNG" and image.mode != "I;16" and any("16" in str(tile.args) for tile in tiles):
        raise UnreadableCountsError("a 16-bit PNG must not have colour or alpha; save it as 16-bit gray")


def _refuse_divided_colour(image: Image.Image) -> None:
    """Pillow always divides colours by alpha where each colour has its own plane."""
    tags = _tags(image)
    if tags.get(PLANES) == SEPARATE and MULTIPLIED in tags.get(EXTRA_SAMPLES, ()):
        raise UnreadableCountsError("a TIFF of separate planes must not have associated alpha; save it without alpha")


def _gray(image: Image.Image) -> Counts:
    """8 and 16-bit counts. Pillow inverts white-is-zero files of 8 bits only, and reads signed bytes as unsigned."""
    tags, stored = _tags(image), np.asarray(image)
    if image.mode == "L" and _signed(tags):
        raise UnreadableCountsError("signed 8-bit samples are not supported; save them as unsigned")
    pixels = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if image.mode != "L" and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        pixels = np.iinfo(pixels.dtype).max - pixels
    return Counts(pixels, pixels.dtype.name)


def _wide(image: Image.Image) -> Counts:
    """Signed or 32-bit counts as float64, which holds each exactly. Pillow reads unsigned 32-bit samples as signed."""
    pixels: NDArray[np.int32] = np.asarray(image)
    tags = _tags(image)
    if not _signed(tags):
        return Counts(pixels.view(np.uint32).astype(np.float64), "uint32")
    return Counts(pixels.astype(np.float64), "int16" if tags.get(BITS_PER_SAMPLE) == (16,) else "int32")


def _signed(tags: Any) -> bool:
    """Whether samples are signed; the tag may hold one format for each sample of a pixel."""
    return set(tags.get(SAMPLE_FORMAT, (UNSIGNED,))) != {UNSIGNED}


def _tags(image: Image.Image) -> Any:
    """The tags of a TIFF; empty for other formats."""
    return getattr(image, "tag_v2", {})
