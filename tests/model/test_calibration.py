"""Confidence means what it says."""

import numpy as np
import pytest

from model.calibration import calibration_error, fit_curve

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


def test_too_few_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot fill 12 bins"):
        fit_curve(np.ones(3), np.ones(3, bool))


def test_no_targets_have_no_error() -> None:
    assert np.isnan(calibration_error(np.array([]), np.array([], bool)))
