"""Reads frames and masks of datasets as arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from intensity import bmp, fits, png, tiff
from intensity.counts import Counts, StoredImage, StoredPage, UnreadableCountsError
from intensity.images import open_image

BLACK, WHITE = 31, 224  # levels up to BLACK are black and from WHITE on white: JPEG changes 0 and 255
MOST_LABELS: Final = 1_000  # instances of one mask
MOST_NAMED: Final = 8  # labels in a message
VOID: Final = 255  # palette index of pixels without a label, in masks of VOC
WITH_PALETTE: Final = (png.SIGNATURE, bmp.MAGIC)
MOST_PIXELS: Final = 2**28  # of a frame
LABELS: Final = 1  # value of target pixels in masks that hold 0 and 1


class RasterError(ValueError):
    """The file is no frame or no mask. The message says why."""


def read_size(path: Path) -> tuple[int, int]:
    """Height and width as stored. Nothing is decoded.

    Raises:
        RasterError: the file is no image.
    """
    frame = _only_frame(path)
    return frame.height, frame.width


def read_frame(path: Path) -> NDArray[np.generic]:
    """Counts ``[H, W]``, read as the service reads them.

    Raises:
        RasterError: the file cannot be read or holds several frames.
    """
    return read_file(path).pixels


def read_file(path: Path) -> Counts:
    """Counts and their type in the file, read as the service reads them.

    Raises:
        RasterError: the file cannot be read or holds several frames.
    """
    frame = _only_frame(path)
    try:
        return frame.read() if isinstance(frame, StoredImage) else frame.read()[0]
    except UnreadableCountsError as error:
        raise RasterError(f"{path.name} cannot be read: {error}") from error


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read a mask ``[H, W]`` that holds 0 and 255, or 0 and 1, or instances 0, 1, 2, ... of one connected target each.

    In a mask with a palette of colours (VOC, labelme) the indices count: 0 and 1, or instances; 255 is a border without
    a label, which belongs to no target.

    Pixels of soft edges, which some masks of IRSTD-1k have, belong to a target from level 128 on. In a mask of more
    than 8 bits its maximum is white.

    Raises:
        RasterError: the file cannot be read or is no binary mask: more pixels are gray than white, as in a frame, or
            less than half of the pixels are black.
    """
    if _content(path).startswith(WITH_PALETTE):
        with opened(path) as image:
            if _has_colours(image):
                return _labels(path, np.asarray(image), "palette indices")
    stored = read_file(path)
    counts = stored.pixels.astype(np.float64)
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise RasterError(f"{path.name} is no binary mask: negative, infinite or undefined pixels")
    top = float(counts.max())
    if np.isin(counts, (0, LABELS)).all():
        _refuse_bright(path, stored.dtype, top, counts > 0)
        return counts > 0
    if _are_labels(counts):
        return _labels(path, stored.pixels, "values")
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


def _has_colours(image: Image.Image) -> bool:
    """Whether a palette image uses colours other than grays, so that its indices are labels."""
    if image.mode != "P":
        return False
    palette = np.asarray(image.getpalette("RGB"), np.int16).reshape(-1, 3)
    used = palette[np.unique(np.asarray(image)).clip(max=len(palette) - 1)]
    return bool((used != used[:, :1]).any())


def _are_labels(counts: NDArray[np.float64]) -> bool:
    """Whether a gray mask holds every value from 0 to its maximum, which is at least 2 and small."""
    top = counts.max()
    return bool(2 <= top <= MOST_LABELS and np.array_equal(np.unique(counts), np.arange(top + 1)))


def _labels(path: Path, labels: NDArray[np.generic], what: str) -> NDArray[np.bool_]:
    """The pixels of label 1, or of all instances: each must be one connected target."""
    present = [label for label in np.unique(labels).tolist() if label not in (0, VOID)]
    targets: NDArray[np.bool_] = np.isin(labels, present)
    shape = np.ones((3, 3), bool)
    if present and present != [LABELS] and any(ndimage.label(labels == label, shape)[1] > 1 for label in present):
        named = ", ".join(map(str, present[:MOST_NAMED]))
        raise RasterError(
            f"{path.name} is no binary mask: its {what} {named} are neither the label 1 alone nor instances, of which "
            "each must be one connected target; save a mask of 0 and 255"
        )
    _refuse_bright(path, what, max(present, default=0), targets)
    return targets


def _refuse_bright(path: Path, dtype: str, top: float, bright: NDArray[np.bool_]) -> None:
    """Refuse a mask with few black pixels: it is a frame or an inverted mask, since small targets cover little."""
    if 2 * np.count_nonzero(bright) > bright.size:
        raise RasterError(
            f"{path.name} is no binary mask: {dtype}, up to {top:g}, but most of it is not black: inverted?"
        )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RasterError(f"{path.name} cannot be read: {error}") from error


def _only_frame(path: Path) -> StoredImage | StoredPage:
    """The only frame of a file, of which nothing is decoded yet."""
    try:
        frame = _only_image(_content(path))
    except UnreadableCountsError as error:
        raise RasterError(f"{path.name} cannot be read: {error}") from error
    if frame.width * frame.height > MOST_PIXELS:
        raise RasterError(f"{path.name} cannot be read: its header names {frame.width}x{frame.height} pixels")
    return frame


def _only_image(body: bytes) -> StoredImage | StoredPage:
    if body.startswith((*tiff.MAGICS, fits.MAGIC)):
        read = fits.read_fits if body.startswith(fits.MAGIC) else tiff.read_tiff
        first, *more = islice(read(body), MOST_NAMED)
        if isinstance(first, UnreadableCountsError):
            raise first
        if not more and first.frames == 1:
            return first
        frames = max(1 + len(more), first.frames)
        raise UnreadableCountsError(f"it holds {frames} pages, but a file must hold one frame")
    image = open_image(body)
    if image is None:
        raise UnreadableCountsError("it is no image of a known format")
    return image


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open one PNG, JPEG or BMP without decoding it. Any fault, also inside the block, becomes a ``RasterError``."""
    try:
        with Image.open(path) as image:
            yield image
    except RasterError:
        raise
    except Exception as error:  # Pillow raises many kinds of exceptions for damaged files
        raise RasterError(f"{path.name} cannot be read: {error}") from error
