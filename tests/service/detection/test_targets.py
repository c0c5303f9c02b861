"""Probabilities -> targets, on probabilities made by hand."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from service.detection.targets import Box, Found, Peak, Selection, find_targets
from service.runtime.card import Calibration

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
LEVELS = st.sampled_from([0.0, 0.25, 0.5, 0.625, 0.75, 1.0])
IDENTITY = Calibration()


def find(probabilities: np.ndarray, **selection: float) -> Found:
    wanted = Selection(**{"threshold": 0.5, "min_confidence": 0.0, "min_area": 1, "max_targets": 1000} | selection)  # type: ignore[arg-type]
    return find_targets(probabilities.astype(np.float32), IDENTITY, wanted)


@given(arrays(np.float32, SHAPES, elements=LEVELS))
def test_the_mask_is_exactly_the_union_of_the_targets(probabilities: np.ndarray) -> None:
    found = find(probabilities)
    np.testing.assert_array_equal(found.mask, probabilities > 0.5)
    assert sum(target.area for target in found.targets) == found.mask.sum()
    assert [target.id for target in found.targets] == list(range(1, len(found.targets) + 1))
    assert not found.truncated


@given(arrays(np.float32, SHAPES, elements=LEVELS))
def test_every_target_says_of_itself_what_its_pixels_say(probabilities: np.ndarray) -> None:
    found = find(probabilities)
    labels, number = ndimage.label(found.mask, np.ones((3, 3)))
    assert len(found.targets) == number
    assert len({labels[t.peak.y, t.peak.x] for t in found.targets}) == number
    for target in found.targets:
        y, x = np.nonzero(labels == labels[target.peak.y, target.peak.x])
        weights = probabilities[y, x].astype(np.float64)
        assert target.area == y.size
        assert target.bbox == Box(*map(int, (x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1)))
        assert target.peak.probability == probabilities[target.peak.y, target.peak.x] == weights.max()
        assert target.confidence == pytest.approx(weights.mean())
        assert target.centroid == pytest.approx((np.average(x, weights=weights), np.average(y, weights=weights)))


@given(arrays(np.float32, SHAPES, elements=LEVELS), st.lists(st.integers(0, 30), max_size=4), st.integers(0, 40))
def test_rows_and_columns_without_targets_change_nothing_but_positions(
    probabilities: np.ndarray, gaps: list[int], beside: int
) -> None:
    spread = probabilities
    for gap in gaps:
        spread = np.insert(spread, [min(gap, len(spread))] * gap, 0, axis=0)
        spread = np.insert(spread, [min(gap, spread.shape[1])] * beside, 0, axis=1)
    found, (labels, number) = find(spread), ndimage.label(spread > 0.5, np.ones((3, 3)))
    assert len(found.targets) == number
    for target in found.targets:
        y, x = np.nonzero(labels == labels[target.peak.y, target.peak.x])
        assert target.area == y.size
        assert target.bbox == Box(*map(int, (x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1)))


@given(arrays(np.float32, SHAPES, elements=LEVELS), st.integers(0, 4))
def test_the_most_confident_targets_are_kept_and_the_mask_is_theirs(probabilities: np.ndarray, most: int) -> None:
    everything, found = find(probabilities), find(probabilities, max_targets=most)
    assert found.targets == everything.targets[:most]
    assert found.truncated == (len(everything.targets) > most)
    assert found.mask.sum() == sum(target.area for target in found.targets)


def test_a_target_is_described_in_pixels_of_the_frame() -> None:
    probabilities = np.zeros((6, 9))
    probabilities[2, 4:7] = 0.6, 0.8, 0.6
    probabilities[3, 5] = 1.0
    (target,) = find(probabilities).targets
    assert target.bbox == Box(x=4, y=2, width=3, height=2)
    assert target.area == 4
    assert target.peak == Peak(x=5, y=3, probability=1.0)
    assert target.centroid == pytest.approx((5.0, 2 + 1 / 3))
    assert target.confidence == pytest.approx(0.75)


def test_pixels_that_touch_at_a_corner_are_one_target() -> None:
    assert [target.area for target in find(np.eye(3)).targets] == [3]
    apart = np.array([[1.0, 0, 1], [0, 0, 0], [1, 0, 0]])
    assert [target.area for target in find(apart).targets] == [1, 1, 1]


def test_a_pixel_at_the_threshold_belongs_to_no_target() -> None:
    assert find(np.array([[0.5, 0.0]])).targets == ()
    assert find(np.array([[0.0, 1.0]]), threshold=1.0).targets == ()
    assert [target.area for target in find(np.array([[0.0, 0.01]]), threshold=0.0).targets] == [1]


def test_nothing_found_is_an_empty_list_and_an_empty_mask() -> None:
    found = find(np.zeros((3, 5)))
    assert found.targets == ()
    assert found.mask.shape == (3, 5)
    assert not found.mask.any()
    assert not found.truncated


def test_targets_below_a_limit_are_left_out_of_the_mask_too() -> None:
    probabilities = np.array([[0.9, 0.9, 0.0, 0.6, 0.6, 0.6, 0.0, 0.8]])
    large = find(probabilities, min_area=3)
    assert [target.area for target in large.targets] == [3]
    assert large.mask.tolist() == [[False] * 3 + [True] * 3 + [False] * 2]
    sure = find(probabilities, min_confidence=0.7)
    assert [target.area for target in sure.targets] == [2, 1]
    assert not sure.truncated, "left out by a limit is not cut off"


def test_confidence_is_the_score_after_calibration() -> None:
    timid = Calibration(scores=(0.5, 1.0), confidences=(0.0, 0.4), fitted_on="three frames")
    found = find_targets(np.array([[0.75]], np.float32), timid, Selection(0.5, 0.0, 1, 1))
    assert found.targets[0].confidence == pytest.approx(0.2)


@pytest.mark.parametrize(("score", "confidence"), [("mean", 0.7), ("peak", 0.9)])
def test_the_card_says_which_score_the_confidence_comes_from(score: Literal["mean", "peak"], confidence: float) -> None:
    probabilities = np.array([[0.9, 0.6, 0.6]], np.float32)
    found = find_targets(probabilities, Calibration(score=score), Selection(0.5, 0.0, 1, 1))
    assert found.targets[0].confidence == pytest.approx(confidence)


def test_equal_confidence_goes_by_score_and_then_in_reading_order() -> None:
    flat = Calibration(scores=(0.0, 1.0), confidences=(0.5, 0.5))
    probabilities = np.array([[0.6, 0, 0.9], [0, 0, 0], [0.6, 0, 0.6]], np.float32)
    found = find_targets(probabilities, flat, Selection(0.5, 0.0, 1, 9))
    assert [(t.peak.x, t.peak.y) for t in found.targets] == [(2, 0), (0, 0), (0, 2), (2, 2)]
