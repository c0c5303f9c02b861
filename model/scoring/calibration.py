"""From a target's score to the share of such targets that are real, fitted on frames not trained on.

Isotonic regression over bins of about equal count (Zadrozny and Elkan, KDD 2002): the order of targets never
changes, and a bin of a few dozen targets cannot claim certainty.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Confidence by score, linear between knots; both rise within 0..1."""

    scores: tuple[float, ...]
    confidences: tuple[float, ...]

    def __call__(self, score: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(np.interp(score, self.scores, self.confidences))


@dataclass(frozen=True, slots=True)
class Bin:
    """Targets of neighbouring confidence: their mean confidence, the share that is real, and their number."""

    confidence: float
    share: float
    targets: int


def fit_curve(scores: NDArray[np.floating], real: NDArray[np.bool_], bins: int = 12) -> Curve:
    """Fit the curve.

    Args:
        scores: ``[T]`` of all targets found, 0..1.
        real: ``[T]`` whether each belongs to a true target.
        bins: at most this many, of about equal count.

    Raises:
        ValueError: fewer targets than bins, or shapes that differ.
    """
    if scores.shape != real.shape or scores.size < bins:
        raise ValueError(f"{scores.size} scores and {real.size} answers cannot fill {bins} bins")
    centres, successes, sizes = _bins(scores, real, bins)
    rising = _rising_shares(successes, sizes)
    inside = (centres > 0) & (centres < 1)
    return Curve(
        scores=(0.0, *map(float, centres[inside]), 1.0),
        confidences=(float(rising[0]), *map(float, rising[inside]), float(rising[-1])),
    )


def _bins(scores: NDArray[np.floating], real: NDArray[np.bool_], bins: int) -> tuple[Floats, Floats, Floats]:
    """Mean score, real targets and all targets of each bin; equal scores are in one bin, so that they agree."""
    _, places = np.unique(bin_places(scores, bins), return_inverse=True)
    sizes, totals, successes = (np.bincount(places, values) for values in (np.ones(scores.size), scores, real))
    return np.asarray(totals / sizes), np.asarray(successes), np.asarray(sizes)


def _rising_shares(successes: Floats, sizes: Floats) -> Floats:
    """Share of real targets in each bin, never falling.

    Each run of bins that share a value has one imagined success and one failure (Laplace): no claim of certainty. To
    imagine them in each bin would hold many sure bins as low as one.
    """
    first = isotonic_regression(successes / sizes, weights=sizes).blocks[:-1]
    pooled, real = np.add.reduceat(sizes, first), np.add.reduceat(successes, first)
    shares = isotonic_regression((real + 1) / (pooled + 2), weights=pooled).x
    return np.repeat(shares, np.diff([*first, len(sizes)]))


def calibration_error(confidences: NDArray[np.floating], real: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015) over bins of about equal count.

    Args:
        confidences: ``[T]``, 0..1.
        real: ``[T]``.

    Returns:
        Mean distance between confidence and share of real targets; NaN without targets.
    """
    if not confidences.size:
        return float("nan")
    gaps = (abs(one.confidence - one.share) * one.targets for one in reliability(confidences, real, bins))
    return sum(gaps) / confidences.size


def reliability(confidences: NDArray[np.floating], real: NDArray[np.bool_], bins: int = 10) -> tuple[Bin, ...]:
    """Bins of about equal count, the very ones of ``calibration_error``, by rising confidence.

    Args:
        confidences: ``[T]``, 0..1.
        real: ``[T]``.
    """
    places = bin_places(confidences, min(bins, confidences.size))
    groups = [places == place for place in np.unique(places)]
    return tuple(Bin(float(confidences[one].mean()), float(real[one].mean()), int(one.sum())) for one in groups)


def bin_places(scores: NDArray[np.floating], bins: int) -> NDArray[np.int_]:
    """Which of ``bins`` of about equal count each of ``scores`` ``[T]`` is in.

    Scores equal to six decimals are in one: a calibrated confidence has many equals, whose order tells nothing.
    """
    _, which, counts = np.unique(np.round(scores.astype(np.float64), 6), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    places = np.minimum((middle * bins / max(scores.size, 1)).astype(int), bins - 1)
    return np.asarray(places[which])
