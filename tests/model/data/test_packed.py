"""Frames of a data set, end to end, as intensities."""

import numpy as np
import pytest

from model.data.dataset import DataError, Sample
from model.data.packed import pack

SCENE = np.random.default_rng(0).integers(1000, 1400, (24, 32)).astype(np.float32)
MASK = np.zeros(SCENE.shape, np.bool_)


def pixels(counts: np.ndarray) -> np.ndarray:
    return pack([Sample("a", counts, MASK)]).pixels.numpy().reshape(SCENE.shape)


def test_pixels_that_are_no_number_are_the_median_of_the_others() -> None:
    broken, filled = SCENE.copy(), SCENE.copy()
    broken[3, 4:7] = np.nan, np.inf, -np.inf
    valid = np.isfinite(broken)
    filled[3, 4:7] = np.median(broken[valid])
    np.testing.assert_array_equal(pixels(broken), pixels(filled))


def test_a_frame_of_nothing_else_is_named() -> None:
    with pytest.raises(DataError, match="a: every pixel is NaN or infinite"):
        pixels(np.full(SCENE.shape, np.nan, np.float32))


def test_frames_of_the_same_content_have_one_digest_and_others_another() -> None:
    same, other = pack([Sample("a", SCENE, MASK)]), pack([Sample("b", SCENE, ~MASK)])
    assert same.digest == pack([Sample("c", SCENE, MASK)]).digest
    assert same.digest != other.digest
    assert pack([Sample("a", SCENE.reshape(32, 24), MASK.reshape(32, 24))]).digest != same.digest
