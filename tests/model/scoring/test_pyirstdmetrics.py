"""The scores against pyirstdmetrics, an independent implementation, on the same masks."""

import numpy as np
import pytest

from model.scoring.metrics import Counts, count_frame, score
from tests.golden.make_pyirstdmetrics import OUT, make_masks


def test_they_agree_with_pyirstdmetrics() -> None:
    with np.load(OUT) as theirs:
        pairs = zip(theirs["predictions"], theirs["masks"], strict=True)
        counts = [count_frame(prediction, mask) for prediction, mask in pairs]
        scores, total = score(counts), sum(counts, Counts())
        assert total.targets > total.detected > 0
        assert total.false_objects == theirs["false_objects"]
        assert scores.pd == pytest.approx(float(theirs["pd"]), abs=1e-12)
        assert scores.fa_identity == pytest.approx(1e6 * float(theirs["fa"]), abs=1e-6)
        assert scores.iou == pytest.approx(float(theirs["iou"]), abs=1e-12)
        assert scores.niou == pytest.approx(float(theirs["niou"]), abs=1e-12)
        assert scores.f1 == pytest.approx(float(theirs["f1"]), abs=1e-12)


def test_the_masks_are_those_that_the_script_makes() -> None:
    with np.load(OUT) as theirs:
        for stored, made in zip((theirs["masks"], theirs["predictions"]), make_masks(), strict=True):
            assert (stored == made).all()
