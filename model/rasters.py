"""Frames and masks of data sets as arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

REC_601: Final = np.array([0.299, 0.587, 0.114], np.float32)
BLACK, WHITE = 31, 224  # up to here, from here: what JPEG makes of 0 and 255
LABELS: Final = 1  # some masks hold 0 and 1
PHOTOMETRIC, SAMPLE_FORMAT = 262, 339  # TIFF 6.0 tags
WHITE_IS_ZERO, UNSIGNED = 0, (1,)  # their values


class RasterError(ValueError):
    """A file that is no frame or no mask, and why."""


def read_size(path: Path) -> tuple[int, int]:
    """Height and width; reads the header only.

    Raises:
        RasterError: it is no image.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, SyntaxError, ValueError) as error:
        raise RasterError(f"{path.name} cannot be read: {error}") from error


def read_luminance(path: Path) -> NDArray[np.generic]:
    """``[H, W]`` counts: gray as stored, colour as Rec. 601 luminance in float32.

    Raises:
        RasterError: it cannot be read.
    """
    with _opened(path) as image:
        if image.mode.startswith("I") or image.mode in ("L", "F"):
            return _as_narrow_as_can_be(_gray(image))
        luminance: NDArray[np.float32] = np.asarray(image.convert("RGB"), np.float32) @ REC_601
        return luminance


def _gray(image: Image.Image) -> NDArray[np.generic]:
    """Counts as the service reads them: Pillow turns white-is-zero round in 8 bits only, and mistakes signs in TIFF."""
    counts: NDArray[Any] = np.asarray(image)
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return counts
    unsigned = tags.get(SAMPLE_FORMAT, UNSIGNED) == UNSIGNED
    if image.mode == "L" and not unsigned:
        raise ValueError("8-bit samples with a sign")
    if image.mode == "I" and unsigned:
        return counts.view(np.uint32)
    if image.mode.startswith("I;16") and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        return np.iinfo(counts.dtype).max - counts
    return counts


def _as_narrow_as_can_be(counts: NDArray[np.generic]) -> NDArray[np.generic]:
    """Integers in 16 bits where they fit, or in float64, which holds all of 32 bits."""
    if counts.dtype.kind == "f" or counts.dtype == np.uint8:
        return counts
    limits = np.iinfo(np.uint16)
    fits = counts.size == 0 or (int(counts.min()) >= limits.min and int(counts.max()) <= limits.max)
    return counts.astype(np.uint16 if fits else np.float64)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """``[H, W]`` of a mask that holds 0 and 255, or 0 and 1; soft edges (IRSTD-1k has some) count from the middle up.

    Raises:
        RasterError: it cannot be read, or gray pixels outnumber white ones: a frame, a palette, a map of classes.
    """
    with _opened(path) as image:
        levels = np.asarray(image.convert("L"))
    top = int(levels.max())
    if top <= LABELS:
        return levels > 0
    mask = levels > 127
    bright = levels[levels > BLACK]
    white = int(np.count_nonzero(bright >= WHITE))
    gray = bright.size - white
    if gray > white or not white:
        raise RasterError(f"{path.name} is no binary mask: {gray} gray pixels, {white} white ones, values up to {top}")
    return mask


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Decoded; what the file is at fault for is a ``RasterError``."""
    try:
        with Image.open(path) as image:
            image.load()
            yield image
    except (OSError, SyntaxError, ValueError) as error:
        raise RasterError(f"{path.name} cannot be read: {error}") from error
