"""Counts over thresholds against the plain count, threshold by threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from model.scoring.metrics import claimed_objects, count_frame, detected_targets
from model.scoring.objects import EIGHT_CONNECTED
from model.scoring.sweep import THRESHOLDS, Sweep, sweep_frame


def scene(seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Probabilities and a mask of objects of every shape, some touching the edge, in a frame of any size."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 40, 2)
    field = ndimage.gaussian_filter(rng.random((height, width)), rng.uniform(0.3, 1.5))
    field = (field - field.min()) / (np.ptp(field) + 1e-9)
    mask = field + rng.normal(0, 0.2, field.shape) > rng.uniform(0.5, 1.2)
    return np.asarray(np.clip(field, 0, 1) ** rng.uniform(0.5, 6), np.float32), mask


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_every_threshold_counts_what_the_plain_metrics_count(seed: int) -> None:
    probabilities, mask = scene(seed)
    sweep = sweep_frame(probabilities, mask)
    for index, threshold in enumerate(THRESHOLDS):
        counts = count_frame(probabilities > threshold, mask)
        swept = (sweep.detected[index], sweep.false_objects[index], sweep.false_area[index])
        assert swept == (counts.detected, counts.false_objects, counts.false_area)
    assert (sweep.targets, sweep.pixels) == (counts.targets, counts.pixels)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_leaving_empty_rows_out_changes_no_object(seed: int) -> None:
    """Objects counted pixel by pixel, without the shortcut of the metrics."""
    probabilities, mask = scene(seed)
    prediction = probabilities > 0.5
    counts = count_frame(prediction, mask)
    labels, number = ndimage.label(prediction, EIGHT_CONNECTED)
    claimed = {int(label) for label in labels[claimed_objects(prediction, mask)]}
    areas = {label: int(np.sum(labels == label)) for label in range(1, number + 1)}
    assert counts.false_objects == number - len(claimed)
    assert counts.false_area == sum(area for label, area in areas.items() if label not in claimed)
    assert counts.detected == len(claimed) == np.count_nonzero(detected_targets(prediction, mask))
    assert counts.targets == ndimage.label(mask, EIGHT_CONNECTED)[1]
    assert counts.intersection == np.count_nonzero(prediction & mask)


def test_pd_and_fa_of_two_targets_and_a_false_alarm_are_known() -> None:
    mask = np.zeros((100, 100), bool)
    mask[10:13, 10:13] = mask[50:53, 50:53] = True
    probabilities = np.zeros((100, 100), np.float32)
    probabilities[10:13, 10:13] = 0.92  # found up to 0.9
    probabilities[50:53, 50:53] = 0.55  # found up to 0.5
    probabilities[80, 80:84] = 0.25  # a false alarm of four pixels up to 0.2
    sweep = sweep_frame(probabilities, mask)
    pd = dict(zip(THRESHOLDS, sweep.pd(), strict=True))
    fa = dict(zip(THRESHOLDS, sweep.fa_identity(), strict=True))
    assert (pd[0.001], pd[0.5], pd[0.6], pd[0.9], pd[0.95]) == (1, 1, 0.5, 0.5, 0)
    assert (fa[0.001], fa[0.2], fa[0.3]) == (pytest.approx(400), pytest.approx(400), 0)
    assert (pd[1.0], fa[1.0]) == (0, 0)


def test_frames_add_up() -> None:
    frames = [scene(seed) for seed in range(5)]
    total = sum((sweep_frame(*frame) for frame in frames), Sweep.empty())
    assert total.pixels == sum(mask.size for _, mask in frames)
    assert total.detected[10] == sum(count_frame(p > 0.5, mask).detected for p, mask in frames)


def test_a_set_without_targets_has_no_pd() -> None:
    sweep = sweep_frame(np.zeros((5, 5), np.float32), np.zeros((5, 5), bool))
    assert np.isnan(sweep.pd()).all()
    assert not sweep.fa_identity().any()
