"""The signal of targets: their counts and those around them, against the definition pixel by pixel."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from export.evaluation.contrast import target_contrasts
from service.detection.targets import MARGIN, Scene, Selection, Target, find_targets
from service.runtime.card import Calibration

SHAPE = (70, 90)


def find(counts: NDArray[Any], mask: NDArray[np.bool_], most: int = 1000, **scene: Any) -> tuple[Target, ...]:
    selection = Selection(0.5, 0.0, 1, most)
    return find_targets(mask.astype(np.float32), Calibration(), selection, Scene(counts, **scene)).targets


def values(target: Target) -> list[float | None]:
    assert target.signal is not None
    return list(target.signal)


def spots(seed: int) -> NDArray[np.bool_]:
    """A mask of a few spots, some of which touch the border or lie side by side."""
    random = np.random.default_rng(seed)
    centres = np.zeros(SHAPE, np.bool_)
    centres.flat[random.integers(0, centres.size, 5)] = True
    return np.asarray(ndimage.binary_dilation(centres, iterations=int(random.integers(1, 4))))


def scene(seed: int, dtype: str) -> NDArray[Any]:
    counts = np.random.default_rng(seed).normal(100, 20, SHAPE).astype(dtype)
    if counts.dtype.kind == "f":
        counts[seed % 50 : seed % 50 + 3, 10:30] = [[np.nan], [np.inf], [-np.inf]]
    return counts


@given(st.integers(0, 10_000), st.sampled_from(["uint8", "uint16", "float32", "float64"]), st.booleans())
def test_each_value_is_what_its_definition_says(seed: int, dtype: str, is_dark: bool) -> None:
    counts = scene(seed, dtype)
    mask = spots(seed) & np.isfinite(counts)
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    for target in find(counts, mask, is_dark=is_dark):
        own = counts[labels == labels[target.peak.y, target.peak.x]].astype(np.float64)
        box = target.bbox
        rows = slice(max(box.y - MARGIN, 0), box.y + box.height + MARGIN)
        columns = slice(max(box.x - MARGIN, 0), box.x + box.width + MARGIN)
        near = counts[rows, columns][~mask[rows, columns]].astype(np.float64)
        near = near[np.isfinite(near)]
        assert target.signal is not None
        assert target.signal.peak == (own.min() if is_dark else own.max())
        expected = (own.mean(), near.mean(), near.std(), abs(own.mean() - near.mean()) / near.std())
        assert target.signal[1:5] == pytest.approx(expected)


def test_the_ratio_is_the_one_that_evaluation_groups_targets_by() -> None:
    counts, mask = scene(3, "uint16"), spots(3)
    found = sorted(target.signal.scr for target in find(counts, mask) if target.signal and target.signal.scr)
    assert found == pytest.approx(sorted(target_contrasts(counts, mask)))


def test_what_a_caller_leaves_out_does_not_change_the_others() -> None:
    counts, mask = scene(3, "uint16"), spots(3)
    assert [one.signal for one in find(counts, mask, most=2)] == [one.signal for one in find(counts, mask)[:2]]
    assert find(counts, mask, most=0) == ()


def test_a_value_that_is_not_defined_is_none() -> None:
    mask = np.zeros((9, 9), np.bool_)
    mask[4, 4] = True
    (flat,) = find(np.full((9, 9), 7, np.uint8), mask)
    assert values(flat) == [7, 7, 7, 0, None, None]
    (alone,) = find(np.full((9, 9), 7, np.uint8), np.ones((9, 9), np.bool_))
    assert values(alone) == [7, 7, None, None, None, None]
    surrounded = np.full((9, 9), np.nan, np.float32)
    surrounded[4, 4] = 7
    (hidden,) = find(surrounded, mask)
    assert values(hidden) == [7, 7, None, None, None, None]


@pytest.mark.parametrize("most", [np.finfo(np.float32).max, np.finfo(np.float64).max])
def test_the_largest_floats_give_numbers_or_none(most: float) -> None:
    counts = np.zeros((9, 9), np.float64)
    counts[3:6, 3:6], counts[0] = most, -most
    mask = np.zeros((9, 9), np.bool_)
    mask[3:6, 3:6] = True
    (target,) = find(counts, mask, celsius=lambda peaks: peaks * 10)
    assert target.signal is not None
    assert target.signal.peak == most
    assert all(value is None or math.isfinite(value) for value in target.signal)


def test_around_a_large_target_a_part_of_the_pixels_stands_for_all() -> None:
    counts = np.random.default_rng(0).normal(8000, 30, (600, 800)).astype(np.uint16)
    counts[100:500, 100:700] += 500
    mask = np.zeros(counts.shape, np.bool_)
    mask[100:500, 100:700] = True
    (target,) = find(counts, mask)
    assert target.signal is not None
    assert target.signal.background == pytest.approx(8000, abs=3)
    assert target.signal.noise == pytest.approx(30, rel=0.1)


def test_the_temperature_is_that_of_the_peak() -> None:
    counts = np.full((9, 9), 7000, np.uint16)
    counts[4, 3:6] = 7500, 7600, 7550
    (target,) = find(counts, counts > 7000, celsius=lambda peaks: peaks * 0.04 - 273.15)
    assert target.signal is not None
    assert target.signal.temperature_c == pytest.approx(7600 * 0.04 - 273.15)
