"""Images that Pillow decodes -> counts. ``convert("L")`` clips 16-bit frames to 255, so it is never called on them.

Pillow is imported when the first of them is read.
"""

import io
from typing import TYPE_CHECKING, Final

import numpy as np

from intensity.counts import Counts, UnreadableCountsError, luminance

if TYPE_CHECKING:
    from PIL.Image import Image

GRAY_ALPHA: Final = ("LA", "La")
COLOUR: Final = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA")


def decoded_by_pillow(body: bytes, width: int, height: int, form: str) -> Counts:
    """Counts of a file: gray as stored, colour as Rec. 601 luminance in float32; alpha is ignored.

    Args:
        body: the whole file.
        width, height: what its header says.
        form: the format, by Pillow's name.

    Raises:
        UnreadableCountsError: Pillow cannot return the counts as stored, or finds another size.
    """
    from PIL import UnidentifiedImageError
    from PIL.Image import open as open_image

    try:
        image = open_image(io.BytesIO(body), formats=(form,))
        if image.size != (width, height):
            raise UnreadableCountsError(f"the {form} data is damaged: its size differs from that of its header")
        return _read_counts(image)
    except UnreadableCountsError:
        raise
    except UnidentifiedImageError as error:  # its own message names an object in memory
        raise UnreadableCountsError(f"the {form} file cannot be read: damaged or unusual header") from error
    except Exception as error:  # hostile bytes raise nearly any exception in Pillow's readers
        why = str(error) or type(error).__name__
        raise UnreadableCountsError(f"the {form} data is truncated or damaged: {why}") from error


def _read_counts(image: "Image") -> Counts:
    image.load()
    mode = image.mode
    if mode == "L":
        return Counts(np.asarray(image), "uint8")
    if mode == "1":
        return Counts(np.asarray(image.convert("L")), "uint8")
    if mode in GRAY_ALPHA:
        return Counts(np.asarray(image.getchannel(0)), "uint8")
    if mode in COLOUR:
        image.info.pop("transparency", None)  # Pillow warns about a palette with transparency
        return Counts(luminance(np.asarray(image.convert("RGB"))), "uint8")
    raise UnreadableCountsError(f"pixels of mode {mode} are not supported; save the frame as gray or RGB")
