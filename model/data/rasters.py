"""Frames and masks of data sets as arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from intensity.rasters import read_counts
from intensity.tiff_tags import IMAGE_LENGTH, IMAGE_WIDTH

BLACK, WHITE = 31, 224  # up to here, from here: what JPEG makes of 0 and 255
LABELS: Final = 1  # some masks hold 0 and 1


class RasterError(ValueError):
    """A file that is no frame or no mask, and why."""


def read_size(path: Path) -> tuple[int, int]:
    """Height and width as stored; reads the header only.

    Raises:
        RasterError: it is no image.
    """
    try:
        with Image.open(path) as image:
            tags = getattr(image, "tag_v2", {})  # of a TIFF, whose size Pillow tells as turned by its Orientation
            return tags.get(IMAGE_LENGTH, image.height), tags.get(IMAGE_WIDTH, image.width)
    except Exception as error:  # damaged bytes raise nearly anything in Pillow's readers
        raise RasterError(f"{path.name} cannot be read: {error}") from error


def read_frame(path: Path) -> NDArray[np.generic]:
    """``[H, W]`` counts, as the service reads them.

    Raises:
        RasterError: it cannot be read, or holds several pages.
    """
    with opened(path) as image:
        return read_counts(image).pixels


def read_mask(path: Path) -> NDArray[np.bool_]:
    """``[H, W]`` of a mask that holds 0 and 255, or 0 and 1; soft edges (IRSTD-1k has some) count from the middle up.

    Most of a mask is black. Of more than 8 bits, its own maximum is white.

    Raises:
        RasterError: it cannot be read, or gray pixels outnumber white ones: a frame, a palette, a map of classes.
    """
    with opened(path) as image:
        stored = read_counts(image)
    counts = stored.pixels.astype(np.float64)
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise RasterError(f"{path.name} is no binary mask: negative, infinite or undefined pixels")
    top = float(counts.max())
    if np.isin(counts, (0, LABELS)).all():
        _refuse_bright(path, stored.dtype, top, counts > 0)
        return counts > 0
    deep = stored.dtype != "uint8"
    levels = np.rint(counts * (255 / top if deep else 1))
    bright = levels[levels > BLACK]
    white = int(np.count_nonzero(bright >= WHITE))
    gray = bright.size - white
    if gray > white or not white:
        raise RasterError(
            f"{path.name} is no binary mask: {gray} gray pixels, {white} white ones, values up to {top:g}"
        )
    _refuse_bright(path, stored.dtype, top, levels > BLACK)
    return levels > 127


def _refuse_bright(path: Path, dtype: str, top: float, bright: NDArray[np.bool_]) -> None:
    """Small targets leave most of a mask black; a frame, or a mask whose targets are black, does not."""
    if 2 * np.count_nonzero(bright) > bright.size:
        raise RasterError(f"{path.name} is no binary mask: {dtype}, up to {top:g}, and little of it black: inverted?")


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """One image, not yet decoded; what the file is at fault for, within too, is a ``RasterError``."""
    try:
        with Image.open(path) as image:
            pages = getattr(image, "n_frames", 1)
            if image.format == "TIFF" and pages > 1:
                raise RasterError(f"{path.name} holds {pages} pages: one file, one frame")
            yield image
    except RasterError:
        raise
    except Exception as error:  # as above
        raise RasterError(f"{path.name} cannot be read: {error}") from error
