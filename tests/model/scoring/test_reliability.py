"""The bins of the reliability plot."""

import numpy as np
import pytest

from model.scoring.calibration import calibration_error
from model.scoring.reliability import reliability

RNG = np.random.default_rng(1)


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
