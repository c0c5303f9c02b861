"""Chooses the decision threshold of a model from the counts of held-out frames at several thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from model.scoring.metrics import Counts, score

USUAL: Final = 0.5  # the threshold that the others are compared with
CANDIDATES: Final = (
    *(0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45),
    *(USUAL, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
)
MORE_FALSE_OBJECTS: Final = 0.1  # share by which the false objects may exceed those at ``USUAL``
LEAST_GAIN: Final = 0.002  # of IoU over ``USUAL``: a smaller one is chance, and would move the answers of every user
RULE: Final = (
    "highest IoU at which no dataset has a lower IoU than at 0.5 and the false objects do not exceed those at 0.5 by "
    "more than a tenth; 0.5 unless that gains 0.2 points of IoU"
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one threshold gives on all frames.

    Attributes:
        threshold: pixels of greater probability belong to targets.
        iou: mean of the IoU of the datasets that have targets, 0..1; a large dataset counts as much as a small one.
        pd: share of the true targets that are detected, all datasets together, 0..1.
        false_objects: number of false objects, all datasets together.
        allowed: whether the rule allows this threshold.
    """

    threshold: float
    iou: float
    pd: float
    false_objects: int
    allowed: bool


def try_thresholds(counts: Mapping[float, Sequence[Counts]]) -> tuple[Trial, ...]:
    """Score each threshold.

    Args:
        counts: for each threshold, which must include ``USUAL``, the counts of each dataset.

    Raises:
        ValueError: no dataset has a target.
    """
    return tuple(_trial(threshold, datasets, counts[USUAL]) for threshold, datasets in counts.items())


def best_trial(trials: Sequence[Trial]) -> Trial:
    """The trial that ``RULE`` chooses. At equal IoU it has the fewest false objects, then the lowest threshold."""
    usual = next(trial for trial in trials if trial.threshold == USUAL)
    allowed = [trial for trial in trials if trial.allowed]
    best = max(allowed, key=lambda trial: (trial.iou, -trial.false_objects, -trial.threshold))
    return best if best.iou - usual.iou >= LEAST_GAIN else usual


def _trial(threshold: float, datasets: Sequence[Counts], usual: Sequence[Counts]) -> Trial:
    ious, before = _ious(datasets), _ious(usual)
    if not ious:
        raise ValueError("the frames have no target: a threshold needs targets to be chosen by")
    together, limit = sum(datasets, Counts()), sum(usual, Counts()).false_objects * (1 + MORE_FALSE_OBJECTS)
    return Trial(
        threshold=threshold,
        iou=sum(ious) / len(ious),
        pd=together.detected / together.targets,
        false_objects=together.false_objects,
        allowed=together.false_objects <= limit and all(now >= then for now, then in zip(ious, before, strict=True)),
    )


def _ious(datasets: Sequence[Counts]) -> list[float]:
    """IoU of each dataset that has targets."""
    return [score([one]).iou for one in datasets if one.targets]
