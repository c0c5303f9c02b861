"""Confidence means what it says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.scoring.calibration import calibration_error, chance_error, fit_curve, reliability

RNG = np.random.default_rng(0)


def test_of_the_targets_given_nine_tenths_nine_in_ten_are_real() -> None:
    scores = RNG.random(20_000)
    real = RNG.random(20_000) < scores**3  # an overconfident detector
    curve = fit_curve(scores[:10_000], real[:10_000])
    confidences = curve(scores[10_000:])
    given = (confidences > 0.85) & (confidences < 0.95)
    assert real[10_000:][given].mean() == pytest.approx(0.9, abs=0.05)
    assert calibration_error(confidences, real[10_000:]) < 0.02
    assert calibration_error(scores[10_000:], real[10_000:]) > 0.2


def test_the_curve_never_reorders_targets_nor_leaves_the_unit_interval() -> None:
    scores = np.round(RNG.random(300), 1)  # many ties
    curve = fit_curve(scores, RNG.random(300) < 0.5)
    confidences = curve(np.linspace(0, 1, 101))
    assert (np.diff(confidences) >= 0).all()
    assert confidences.min() > 0
    assert confidences.max() < 1
    assert (np.diff(curve.scores) > 0).all()


@pytest.mark.parametrize("targets", [45, 53, 500])
def test_targets_that_were_all_real_are_all_but_certain_and_still_differ(targets: int) -> None:
    scores = 0.5 + 0.5 * RNG.random(targets)
    curve = fit_curve(scores, np.ones(targets, bool))
    assert curve(scores).mean() == pytest.approx((targets + 1) / (targets + 2), abs=1e-3)
    assert (np.diff(curve(np.sort(scores))) > 0).all()
    assert abs(curve(scores) - (targets + 1) / (targets + 2)).max() < 1 / targets


@given(st.integers(12, 400), st.floats(0, 1), st.integers(0, 2**16))
def test_a_higher_score_always_has_a_higher_confidence(targets: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    curve = fit_curve(rng.random(targets), rng.random(targets) < share)
    assert (np.diff(curve.confidences) > 0).all()
    assert 0 < curve.confidences[0] < curve.confidences[-1] < 1


def test_a_few_targets_calibrate_well_enough() -> None:
    def targets(count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        scores = RNG.random(count) ** 0.2  # most of them sure, and rightly so
        return scores, RNG.random(count) < scores

    errors = []
    for _ in range(20):
        curve = fit_curve(*targets(60))
        scores, real = targets(20_000)
        errors.append(calibration_error(curve(scores), real))
    assert np.median(errors) < 0.08


def test_false_targets_of_low_scores_do_not_lower_the_confidence_of_others() -> None:
    """Of 1000 targets, 60 are false, and all of these have one of the 120 lowest scores."""
    scores = np.sort(RNG.random(1000))
    real = np.r_[np.arange(120) % 2 == 0, np.ones(880, bool)]
    curve = fit_curve(scores, real)
    assert curve(scores[[20, 60, 100]]) == pytest.approx([0.5, 0.5, 0.5], abs=0.1)
    assert curve(scores[[160, 400, 900]]) == pytest.approx([1, 1, 1], abs=0.08)


@pytest.mark.parametrize("score", [0.9, 1.0])
def test_equal_scores_are_told_their_own_share(score: float) -> None:
    scores = np.r_[np.full(240, score), np.full(60, 0.5)]
    half_of_them = np.r_[np.arange(240) % 4 < 2, np.zeros(60)] > 0
    confidences = fit_curve(scores, half_of_them)(np.array([score]))
    assert confidences[0] == pytest.approx(0.5, abs=0.01)


def test_too_few_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot fill 12 bins"):
        fit_curve(np.ones(3), np.ones(3, bool))


def test_confidences_that_are_right_have_the_error_of_chance() -> None:
    rng = np.random.default_rng(3)
    confidences = rng.choice([0.2, 0.5, 0.8, 0.95], 400)
    errors = [calibration_error(confidences, rng.random(400) < confidences) for _ in range(400)]
    mean, most = chance_error(confidences)
    assert np.mean(errors) == pytest.approx(mean, abs=0.003)
    assert np.mean(np.array(errors) > most) == pytest.approx(0.05, abs=0.04)


def test_the_error_of_chance_falls_with_the_number_of_targets() -> None:
    few, many = (chance_error(np.linspace(0.05, 0.95, targets))[0] for targets in (100, 10_000))
    assert few > 5 * many
    assert chance_error(np.array([1.0])) == (0, 0)


def test_no_targets_have_no_error() -> None:
    assert np.isnan(calibration_error(np.array([]), np.array([], bool)))


def test_bins_hold_the_calibration_error() -> None:
    confidences, real = RNG.random(987), RNG.random(987) < 0.6
    bins = reliability(confidences, real)
    assert sum(one.targets for one in bins) == 987
    error = sum(abs(one.confidence - one.share) * one.targets for one in bins) / 987
    assert error == pytest.approx(calibration_error(confidences, real))
    assert (np.diff([one.confidence for one in bins]) > 0).all()


def test_two_confidences_make_two_bins() -> None:
    bins = reliability(np.array([0.9, 0.3]), np.array([True, False]))
    assert [(one.confidence, one.share, one.targets) for one in bins] == [(0.3, 0, 1), (0.9, 1, 1)]


def test_targets_of_one_confidence_that_are_as_often_real_have_no_error() -> None:
    real = np.arange(250) % 50 < 47
    for order in (np.sort(real), RNG.permutation(real)):
        assert calibration_error(np.full(250, 0.94), order) == pytest.approx(0)


def test_the_order_of_targets_says_nothing() -> None:
    confidences = RNG.choice([0.3, 0.7, 0.9, 0.99], 500)
    real = RNG.random(500) < confidences
    bins = reliability(confidences, real)
    order = RNG.permutation(500)
    again = reliability(confidences[order], real[order])
    assert [one.targets for one in again] == [one.targets for one in bins]
    assert [one.share for one in again] == [one.share for one in bins]
    assert len(bins) == 4


def test_nothing_found_has_no_bins() -> None:
    assert reliability(np.array([]), np.array([], bool)) == ()
