"""The rule that chooses a decision threshold."""

import pytest

from model.scoring.metrics import Counts
from model.scoring.threshold import best_trial, try_thresholds


def counts(intersection: int, false: int, targets: int = 10, union: int = 100) -> Counts:
    return Counts(intersection=intersection, union=union, targets=targets, detected=5, false_objects=false)


def test_the_highest_iou_wins_among_those_with_few_false_objects() -> None:
    trials = try_thresholds({0.1: [counts(70, 12)], 0.3: [counts(60, 11)], 0.5: [counts(50, 10)], 0.9: [counts(55, 1)]})
    assert [trial.allowed for trial in trials] == [False, True, True, True]
    assert best_trial(trials).threshold == 0.3


def test_a_small_dataset_counts_as_much_as_a_large_one() -> None:
    large, small = counts(5000, 0, union=10_000), counts(1, 0, union=10)
    better_small = counts(9, 0, union=10)
    trials = try_thresholds(
        {
            0.5: [large, small],
            0.3: [large, better_small],
            0.4: [counts(7000, 0, union=10_000), small],  # more pixels are right, but a smaller part of a dataset
        }
    )
    assert [trial.iou for trial in trials] == pytest.approx([0.3, 0.7, 0.4])
    assert best_trial(trials).threshold == 0.3


def test_no_dataset_pays_for_the_gain_of_another() -> None:
    usual, gains = [counts(50, 0), counts(50, 0)], [counts(80, 0), counts(49, 0)]
    trials = try_thresholds({0.2: gains, 0.4: [counts(51, 0), counts(50, 0)], 0.5: usual})
    assert [trial.allowed for trial in trials] == [False, True, True]
    assert best_trial(trials).threshold == 0.4


def test_frames_without_targets_count_by_their_false_objects_alone() -> None:
    empty = Counts(union=40, false_objects=4)
    trials = try_thresholds({0.5: [counts(50, 10), empty], 0.3: [counts(60, 10), Counts(union=60, false_objects=6)]})
    assert [trial.iou for trial in trials] == pytest.approx([0.5, 0.6])
    assert [trial.allowed for trial in trials] == [True, False]


def test_at_equal_iou_fewer_false_objects_are_better() -> None:
    trials = try_thresholds({0.3: [counts(60, 3)], 0.5: [counts(50, 3)], 0.7: [counts(60, 2)]})
    assert best_trial(trials).threshold == 0.7


@pytest.mark.parametrize(("gain", "chosen"), [(19, 0.5), (21, 0.3)])
def test_a_gain_that_may_be_chance_moves_nothing(gain: int, chosen: float) -> None:
    usual, better = counts(5000, 10, union=10_000), counts(5000 + gain, 10, union=10_000)
    assert best_trial(try_thresholds({0.3: [better], 0.5: [usual]})).threshold == chosen


def test_without_targets_no_threshold_is_chosen() -> None:
    with pytest.raises(ValueError, match="the frames have no target"):
        try_thresholds({0.5: [Counts(union=4)]})
