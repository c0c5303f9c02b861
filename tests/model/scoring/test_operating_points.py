"""The curve of Pd and false objects over the lowest confidence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.scoring.operating_points import MAX_POINTS, OperatingCurve, operating_curve

FOUND = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=200)


def curve_of(*found: tuple[float, bool], targets: int = 4, pixels: int = 2_000_000) -> OperatingCurve:
    confidences, real = np.array([one for one, _ in found], float), np.array([one for _, one in found], bool)
    return operating_curve(confidences, real, targets, pixels)


def test_each_point_removes_a_false_object() -> None:
    curve = curve_of((0.9, True), (0.8, False), (0.7, True), (0.5, False), (0.4, True))
    assert curve.confidences == pytest.approx((0, 0.6, 0.85))
    assert curve.pd == (0.75, 0.5, 0.25)
    assert curve.false_per_megapixel == (1.0, 0.5, 0.0)


def test_a_false_object_on_top_leaves_a_point_that_keeps_nothing() -> None:
    curve = curve_of((0.9, False), (0.2, True))
    assert (curve.confidences[-1], curve.pd[-1], curve.false_per_megapixel[-1]) == (0.95, 0.0, 0.0)


@pytest.mark.parametrize("found", [(), ((0.3, True),)])
def test_without_false_objects_every_target_is_kept(found: tuple[tuple[float, bool], ...]) -> None:
    curve = curve_of(*found)
    assert (curve.confidences, curve.false_per_megapixel) == ((0.0,), (0.0,))


def test_frames_without_targets_have_no_curve() -> None:
    with pytest.raises(ValueError, match="frames with targets"):
        curve_of((0.5, False), targets=0)


@given(FOUND)
def test_every_point_says_what_is_left(found: list[tuple[float, bool]]) -> None:
    curve = curve_of(*found, targets=200)
    assert len(curve.confidences) <= MAX_POINTS + 1
    assert (np.diff(curve.confidences) > 0).all()
    assert (np.diff(curve.false_per_megapixel) < 0).all()
    for lowest, pd, false in zip(curve.confidences, curve.pd, curve.false_per_megapixel, strict=True):
        left = [real for confidence, real in found if confidence >= lowest]
        assert (pd, false) == (sum(left) / 200, left.count(False) / 2)


def test_a_long_curve_keeps_the_whole_span_of_rates() -> None:
    rng = np.random.default_rng(0)
    curve = operating_curve(rng.random(5000), rng.random(5000) < 0.5, 2500, 10**6)
    rates = np.array(curve.false_per_megapixel)
    assert len(rates) <= MAX_POINTS + 1
    assert rates[-1] == 0
    assert (rates[:-2] / rates[1:-1] <= 2).all()  # from one point to the next at most half of the false objects
