"""The scores against the authors', and against cases small enough to count by hand."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from model.scoring.metrics import count_frame, score
from tests import golden

Mask = NDArray[np.bool_]


def test_they_reproduce_the_authors_scores_exactly() -> None:
    arrays = golden.load("metrics")
    scores = score(
        count_frame(logits > 0, mask) for logits, mask in zip(arrays["logits"], arrays["masks"], strict=True)
    )
    assert scores.iou == arrays["iou"]
    assert scores.pd == arrays["pd"]
    assert scores.fa_legacy == 1e6 * arrays["fa_legacy"]
    assert scores.fa_identity > scores.fa_legacy


def test_a_false_object_as_large_as_a_detected_target_is_hidden_by_the_legacy_rule_only() -> None:
    mask, prediction = _square(5, 5), _square(5, 5) | _square(30, 30)
    scores = score([count_frame(prediction, mask)])
    assert scores.pd == 1
    assert scores.fa_legacy == 0
    assert scores.fa_identity == pytest.approx(1e6 * 9 / 1600)
    assert scores.false_objects_per_megapixel == pytest.approx(1e6 / 1600)


def test_a_detection_is_nearer_than_three_pixels() -> None:
    mask = _square(10, 10)
    assert score([count_frame(_square(10, 12), mask)]).pd == 1
    assert score([count_frame(_square(10, 13), mask)]).pd == 0
    assert score([count_frame(_square(10, 12), mask)]).centroid_error == 2


def test_one_object_cannot_be_two_detections() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10, 10] = mask[10, 13] = True
    prediction = np.zeros_like(mask)
    prediction[10, 11] = True
    assert score([count_frame(prediction, mask)]).pd == 0.5


def test_objects_that_touch_at_a_corner_are_one() -> None:
    mask = np.eye(40, dtype=bool)
    assert score([count_frame(mask, mask)]).targets == 1


def test_iou_is_over_the_set_and_niou_over_frames() -> None:
    big, small = np.ones((40, 40), bool), _square(10, 10)
    scores = score([count_frame(big, big), count_frame(np.zeros_like(small), small)])
    assert scores.iou == 1600 / 1609
    assert scores.niou == 0.5


def test_an_empty_frame_without_an_answer_scores_nothing() -> None:
    empty = np.zeros((8, 8), bool)
    scores = score([count_frame(empty, empty)])
    assert math.isnan(scores.iou)
    assert math.isnan(scores.pd)
    assert scores.fa_identity == 0


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(8, 8\).*\(8, 9\)"):
        count_frame(np.zeros((8, 8), bool), np.zeros((8, 9), bool))


def _square(y: int, x: int) -> Mask:
    mask = np.zeros((40, 40), bool)
    mask[y - 1 : y + 2, x - 1 : x + 2] = True
    return mask
