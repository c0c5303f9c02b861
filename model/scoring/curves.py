"""Curves over pixels, exact for probabilities in 16 bits, the depth in which a service answers them. NumPy only."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEVELS: Final = 2**16


@dataclass(frozen=True, slots=True)
class Histogram:
    """Pixels by probability, ``[65536]`` each: on targets and off them."""

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.positives + other.positives, self.negatives + other.negatives)

    @classmethod
    def empty(cls) -> "Histogram":
        """Of no pixel."""
        nothing = np.zeros(LEVELS, np.int64)
        return cls(nothing, nothing)

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], mask: NDArray[np.bool_]) -> "Histogram":
        """Count one frame, ``[H, W]`` each."""
        levels = (probabilities * np.float32(LEVELS - 1) + np.float32(0.5)).astype(np.uint16)
        positives = np.bincount(levels[mask], minlength=LEVELS)
        return cls(positives, np.bincount(levels.ravel(), minlength=LEVELS) - positives)


@dataclass(frozen=True, slots=True)
class Roc:
    """Shares of pixels found, by falling threshold from (0, 0) to (1, 1); ``auc`` by trapezoids, so ties count half."""

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    auc: float


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """By falling threshold; ``average_precision`` weighs each precision with the recall that it adds."""

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    average_precision: float


def roc(histogram: Histogram) -> Roc | None:
    """None where pixels of one kind are missing: there is no such curve."""
    true, false = _cumulated(histogram)
    if not true[-1] or not false[-1]:
        return None
    x, y = false / false[-1], true / true[-1]
    return Roc(x, y, float(np.trapezoid(y, x)))


def precision_recall(histogram: Histogram) -> PrecisionRecall | None:
    """None without a pixel on targets."""
    true, false = _cumulated(histogram)
    if not true[-1]:
        return None
    recall, precision = true[1:] / true[-1], true[1:] / (true[1:] + false[1:])
    steps = np.diff(recall, prepend=0.0)
    return PrecisionRecall(recall, precision, float((steps * precision).sum()))


def _cumulated(histogram: Histogram) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels at or above each level that occurs, from the highest, after a first zero."""
    occurs = np.flatnonzero(histogram.positives + histogram.negatives)[::-1]
    counts = (np.cumsum(kind[occurs]) for kind in (histogram.positives, histogram.negatives))
    true, false = (np.concatenate([[0.0], count]) for count in counts)
    return true, false
