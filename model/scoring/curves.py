"""ROC and precision-recall curves over pixels.

Probabilities are counted in 16 bits, the depth of the service's probability masks. For these the curves are exact.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEVELS: Final = 2**16


@dataclass(frozen=True, slots=True)
class Histogram:
    """Number of pixels by probability, ``[65536]`` each: ``positives`` on targets, ``negatives`` on background."""

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.positives + other.positives, self.negatives + other.negatives)

    @classmethod
    def empty(cls) -> "Histogram":
        """The histogram of no pixels."""
        nothing = np.zeros(LEVELS, np.int64)
        return cls(nothing, nothing)

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], mask: NDArray[np.bool_]) -> "Histogram":
        """Count the pixels of one frame. Both arrays are ``[H, W]``."""
        levels = (probabilities * np.float32(LEVELS - 1) + np.float32(0.5)).astype(np.uint16)
        positives = np.bincount(levels[mask], minlength=LEVELS)
        return cls(positives, np.bincount(levels.ravel(), minlength=LEVELS) - positives)


@dataclass(frozen=True, slots=True)
class Roc:
    """ROC curve by falling threshold, from (0, 0) to (1, 1). ``auc`` is its area by the trapezoidal rule."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    auc: float


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Precision-recall curve by falling threshold. ``average_precision`` weights precisions by the gain in recall."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    average_precision: float


def roc(histogram: Histogram) -> Roc | None:
    """The ROC curve; None if there are no target pixels or no background pixels."""
    true, false = _cumulated(histogram)
    if not true[-1] or not false[-1]:
        return None
    x, y = false / false[-1], true / true[-1]
    return Roc(x, y, float(np.trapezoid(y, x)))


def precision_recall(histogram: Histogram) -> PrecisionRecall | None:
    """The precision-recall curve; None if there are no target pixels."""
    true, false = _cumulated(histogram)
    if not true[-1]:
        return None
    recall, precision = true[1:] / true[-1], true[1:] / (true[1:] + false[1:])
    steps = np.diff(recall, prepend=0.0)
    return PrecisionRecall(recall, precision, float((steps * precision).sum()))


def _cumulated(histogram: Histogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cumulated positives and negatives: 0, then the count at or above each occurring level, highest first."""
    occurs = np.flatnonzero(histogram.positives + histogram.negatives)[::-1]
    counts = (np.cumsum(kind[occurs]) for kind in (histogram.positives, histogram.negatives))
    true, false = (np.concatenate([[0.0], count]) for count in counts)
    return true, false
