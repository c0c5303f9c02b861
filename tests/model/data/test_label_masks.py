"""Masks of labels: palettes of VOC and labelme, and instances."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data.rasters import RasterError, read_mask

VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [224, 224, 192] * 252
SHAPE = (12, 16)


def labels(**places: tuple[int, int]) -> np.ndarray:
    """Labels ``_1``, ``_2``, ... of 2x2 pixels at these rows and columns."""
    pixels = np.zeros(SHAPE, np.uint8)
    for label, (row, column) in places.items():
        pixels[row : row + 2, column : column + 2] = int(label.removeprefix("_"))
    return pixels


def mask_of(folder: Path, pixels: np.ndarray, palette: list[int] | None = None) -> np.ndarray:
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(palette)
    image.save(folder / "mask.png")
    return read_mask(folder / "mask.png")


ONE_CLASS = labels(_1=(1, 1)) + labels(_1=(6, 9))
INSTANCES = labels(_1=(1, 1), _2=(6, 9), _3=(9, 2))
TWO_CLASSES = labels(_1=(1, 1), _2=(6, 9)) + labels(_2=(9, 2))
BORDERED = ONE_CLASS.copy()
BORDERED[3, 1:3] = 255


@pytest.mark.parametrize(
    ("pixels", "palette"),
    [(ONE_CLASS, VOC), (INSTANCES, VOC), (INSTANCES, None), (INSTANCES.astype(np.uint16), None), (BORDERED, VOC)],
    ids=["a class", "instances with a palette", "instances", "16-bit instances", "a border without a label"],
)
def test_labels_are_targets(tmp_path: Path, pixels: np.ndarray, palette: list[int] | None) -> None:
    np.testing.assert_array_equal(mask_of(tmp_path, pixels, palette), (pixels > 0) & (pixels < 255))


@pytest.mark.parametrize(("palette", "what"), [(VOC, "palette indices 1, 2"), (None, "values 1, 2")])
def test_classes_are_refused_by_their_labels(tmp_path: Path, palette: list[int] | None, what: str) -> None:
    with pytest.raises(RasterError, match=what):
        mask_of(tmp_path, TWO_CLASSES, palette)


def test_a_palette_of_grays_is_read_by_its_grays(tmp_path: Path) -> None:
    inverted = 1 - ONE_CLASS
    np.testing.assert_array_equal(mask_of(tmp_path, inverted, [255, 255, 255, 0, 0, 0]), ONE_CLASS > 0)


def test_a_mask_without_a_target_is_empty(tmp_path: Path) -> None:
    assert not mask_of(tmp_path, np.zeros(SHAPE, np.uint8), VOC).any()
