"""A PNG, JPEG or BMP opened by Pillow -> counts. Files whose counts Pillow would lose are refused.

``convert("L")`` clips 16-bit frames to 255, so it is never called on them. Pillow cuts 16-bit colour to 8 bits while it
opens a file (python-pillow/Pillow#3011), so 16-bit PNG with colour or alpha is decoded by ``intensity.deep_png``.
"""

from typing import Final

import numpy as np
from PIL import Image

from intensity.counts import Counts, UnreadableCountsError, luminance

GRAY_ALPHA: Final = ("LA", "La")
COLOUR: Final = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")


def read_counts(image: Image.Image) -> Counts:
    """Decode an image: gray as stored, colour as Rec. 601 luminance in float32; alpha is ignored.

    Args:
        image: opened but not yet decoded. Once it is decoded, 16-bit colour cannot be recognised any more.

    Raises:
        UnreadableCountsError: Pillow cannot return the counts as stored.
        Exception: the bytes are damaged. Hostile bytes raise nearly any exception in Pillow's readers.
    """
    if is_deep_colour(image):
        raise UnreadableCountsError("a 16-bit PNG must not have colour or alpha; save it as 16-bit gray")
    image.load()
    mode = image.mode
    if mode == "L" or mode.startswith("I;16"):
        stored = np.asarray(image)
        pixels = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        return Counts(pixels, pixels.dtype.name)
    if mode == "1":
        return Counts(np.asarray(image.convert("L")), "uint8")
    if mode in GRAY_ALPHA:
        return Counts(np.asarray(image.getchannel(0)), "uint8")
    if mode in COLOUR:
        image.info.pop("transparency", None)  # Pillow warns about a palette with transparency
        return Counts(luminance(np.asarray(image.convert("RGB"))), "uint8")
    raise UnreadableCountsError(f"pixels of mode {mode} are not supported; save the frame as gray or RGB")


def is_deep_colour(image: Image.Image) -> bool:
    """Whether an opened PNG has 16-bit colour or alpha, which Pillow would cut to 8 bits.

    Pillow's decoder (``RGB;16B``) is asked and not the header, which a hostile file may hide behind other chunks.
    """
    tiles = getattr(image, "tile", ())
    return image.format == "PNG" and image.mode != "I;16" and any("16" in str(tile.args) for tile in tiles)
