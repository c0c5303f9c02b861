"""Pixels that are no number must not move the range of those that are."""

import numpy as np

from intensity import auto_range, without_invalid

SCENE = np.random.default_rng(0).normal(8000, 50, (24, 32)).astype(np.float32)


def test_pixels_that_are_no_number_become_the_median_and_widen_no_range() -> None:
    broken = SCENE.copy()
    broken[3, 4:7] = np.nan, np.inf, -np.inf
    valid = np.isfinite(broken)
    filled = without_invalid(broken, valid)
    np.testing.assert_array_equal(filled[valid], SCENE[valid])
    assert set(filled[~valid]) == {np.median(SCENE[valid])}
    assert auto_range(filled) == auto_range(broken)
    assert filled.dtype == SCENE.dtype


def test_the_median_of_counts_as_large_as_floats_get_is_finite() -> None:
    counts = np.full((32, 32), 3e38, np.float32)
    counts[:4, :4] = 1e38
    counts[9, 8:10] = np.nan
    filled = without_invalid(counts, np.isfinite(counts))
    assert filled[9, 8] == np.float32(3e38)
    assert filled.dtype == np.float32


def test_a_whole_frame_is_not_copied() -> None:
    assert without_invalid(SCENE, np.isfinite(SCENE)) is SCENE
