"""The two grids on which papers score: the frame's own pixels, or frame and mask resized to 256 x 256."""

import io
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.data.dataset import DataError, FrameFolder
from model.data.rasters import RasterError, opened, read_file

SIDE: Final = 256


class Grid(StrEnum):
    """The grid on which predicted and true masks are compared."""

    NATIVE = "native"
    SQUARE = "256"


def frame_on_grid(folder: FrameFolder, name: str, grid: Grid) -> bytes:
    """Bytes of the frame's own file, or of a file with the frame resized as the authors do it.

    Resizing is bilinear. Frames of 8 bits are resized in 8 bits.

    Raises:
        DataError: the frame cannot be read.
    """
    path = folder.image_path(name)
    try:
        return path.read_bytes() if grid is Grid.NATIVE else _resized(path)
    except (OSError, RasterError) as error:
        raise DataError(f"{name}: {error}") from error


def _resized(path: Path) -> bytes:
    counts, dtype = read_file(path)
    if dtype != "uint8":
        return _npy(counts_on_grid(counts, Grid.SQUARE))
    if counts.dtype == np.uint8:
        return _resized_png(Image.fromarray(counts))
    with opened(path) as image:  # the colours are resized, as the authors do it
        return _resized_png(image.convert("RGB"))


def _resized_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def counts_on_grid(counts: NDArray[np.generic], grid: Grid) -> NDArray[np.generic]:
    """Luminance ``[H, W]`` as stored, or resized in float32. uint16 stays uint16, as ``range=dtype`` needs it."""
    if grid is Grid.NATIVE:
        return counts
    resized = np.asarray(
        Image.fromarray(counts.astype(np.float32)).resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32
    )
    return np.rint(resized).astype(np.uint16) if counts.dtype == np.uint16 else resized


def mask_on_grid(mask: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """The mask as stored, or resized by nearest neighbour."""
    if grid is Grid.NATIVE:
        return mask
    resized = Image.fromarray(mask.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    return np.asarray(resized) > 0


def _npy(counts: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, counts, allow_pickle=False)
    return buffer.getvalue()
