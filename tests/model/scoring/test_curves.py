"""Curves over pixels: cases counted by hand, and the definitions applied to every pair of pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.scoring.curves import Histogram, precision_recall, roc


def histogram(probabilities: list[float], on_target: list[int]) -> Histogram:
    return Histogram.of(np.array([probabilities], np.float32), np.array([on_target], bool))


def test_auc_and_average_precision_of_four_pixels_are_known() -> None:
    counted = histogram([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
    of_roc, of_precision = roc(counted), precision_recall(counted)
    assert of_roc is not None
    assert of_precision is not None
    assert of_roc.auc == 0.75  # three of the four pairs are in order
    assert of_roc.false_positive_rate.tolist() == [0, 0, 0.5, 0.5, 1]
    assert of_roc.true_positive_rate.tolist() == [0, 0.5, 0.5, 1, 1]
    assert of_precision.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert of_precision.recall.tolist() == [0.5, 0.5, 1, 1]
    assert of_precision.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])


def test_a_perfect_order_gives_one_and_a_reversed_one_nothing() -> None:
    perfect, reversed_ = histogram([0.9, 0.8, 0.2], [1, 1, 0]), histogram([0.1, 0.8, 0.9], [1, 0, 0])
    assert [curve.auc for curve in (roc(perfect), roc(reversed_)) if curve] == [1, 0]
    curve = precision_recall(perfect)
    assert curve is not None
    assert curve.average_precision == 1


def test_probabilities_that_say_nothing_give_half_and_the_share_of_targets() -> None:
    counted = histogram([0.3] * 8, [1, 1, 0, 0, 0, 0, 0, 0])
    of_roc, of_precision = roc(counted), precision_recall(counted)
    assert of_roc is not None
    assert of_precision is not None
    assert of_roc.auc == 0.5
    assert of_precision.average_precision == 0.25


@given(st.integers(0, 10_000))
def test_they_are_what_their_definitions_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # few distinct values, so that many pixels tie
    values = rng.integers(0, 20, 60) / 20
    on_target = np.concatenate([[True, False], rng.random(58) < 0.3])
    counted = histogram(values.tolist(), on_target.tolist())
    of_roc, of_precision = roc(counted), precision_recall(counted)
    assert of_roc is not None
    assert of_precision is not None
    difference = values[on_target][:, None] - values[~on_target][None]
    assert of_roc.auc == pytest.approx(((difference > 0) + 0.5 * (difference == 0)).mean())  # Mann and Whitney
    kept = [values >= threshold for threshold in sorted(set(values), reverse=True)]
    recall = np.array([0, *((on_target & one).sum() / on_target.sum() for one in kept)])
    precision = np.array([on_target[one].mean() for one in kept])
    assert of_precision.average_precision == pytest.approx((np.diff(recall) * precision).sum())
    for curve in (of_roc.false_positive_rate, of_roc.true_positive_rate, of_precision.recall):
        assert (np.diff(curve) >= 0).all()
    ends = (of_roc.false_positive_rate[[0, -1]], of_roc.true_positive_rate[[0, -1]])
    assert [end.tolist() for end in ends] == [[0, 1], [0, 1]]
    assert of_precision.precision[-1] == pytest.approx(on_target.mean())


def test_frames_add_up() -> None:
    halves = histogram([0.9, 0.8], [1, 0]) + histogram([0.7, 0.1], [1, 0])
    curve = roc(halves + Histogram.empty())
    assert curve is not None
    assert curve.auc == 0.75


def test_pixels_of_one_kind_have_no_curve() -> None:
    assert roc(histogram([0.5], [0])) is None
    assert precision_recall(histogram([0.5], [0])) is None
    assert roc(histogram([0.5], [1])) is None
