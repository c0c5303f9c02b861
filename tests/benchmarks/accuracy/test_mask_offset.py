"""The offset of masks that were moved on purpose."""

import numpy as np
import pytest
from scipy import ndimage

from benchmarks.accuracy.mask_offset import offsets
from model.data.dataset import Sample

Y, X = np.mgrid[0:60, 0:80]


@pytest.mark.parametrize("moved", [(0, 0), (1, 0), (0, -1)])
def test_a_moved_mask_is_found_out(moved: tuple[int, int]) -> None:
    light = sum(np.exp(-((Y - y) ** 2 + (X - x) ** 2) / 4) for y, x in ((20, 20), (40, 60)))
    mask = ndimage.shift((np.asarray(light) > 0.3).astype(np.uint8), moved) > 0
    found = list(offsets(Sample("a", (50 + 150 * np.asarray(light)).astype(np.uint16), mask)))
    assert len(found) == 2
    assert np.allclose(found, np.negative(moved), atol=0.05)


def test_a_target_at_the_border_tells_nothing() -> None:
    mask = (Y - 1) ** 2 + (X - 1) ** 2 < 4
    assert not list(offsets(Sample("a", np.where(mask, 200, 50).astype(np.uint8), mask)))
