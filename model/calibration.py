"""From a target's score to the share of such targets that are real, fitted on frames not trained on.

Isotonic regression over bins of equal count (Zadrozny and Elkan, KDD 2002): the order of targets never
changes, and a bin of a few dozen targets cannot claim certainty.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from model.reliability import reliability


@dataclass(frozen=True, slots=True)
class Curve:
    """Confidence by score, linear between knots; both rise within 0..1."""

    scores: tuple[float, ...]
    confidences: tuple[float, ...]

    def __call__(self, score: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(np.interp(score, self.scores, self.confidences))


def fit_curve(scores: NDArray[np.floating], real: NDArray[np.bool_], bins: int = 12) -> Curve:
    """Fit the curve.

    Args:
        scores: ``[T]`` of all targets found, 0..1.
        real: ``[T]`` whether each belongs to a true target.
        bins: at most this many, of equal count.

    Raises:
        ValueError: fewer targets than bins, or shapes that differ.
    """
    if scores.shape != real.shape or scores.size < bins:
        raise ValueError(f"{scores.size} scores and {real.size} answers cannot fill {bins} bins")
    order = np.argsort(scores)
    groups = np.array_split(order, bins)
    centres = np.array([scores[group].mean() for group in groups])
    # one imagined success and one failure a bin (Laplace): no claim of certainty
    shares = np.array([(real[group].sum() + 1) / (group.size + 2) for group in groups])
    rising = isotonic_regression(shares, weights=[group.size for group in groups]).x
    distinct = np.concatenate([[True], np.diff(centres) > 1e-6])
    knots, values = centres[distinct], rising[distinct]
    inside = (knots > 0) & (knots < 1)
    return Curve(
        scores=(0.0, *map(float, knots[inside]), 1.0),
        confidences=(float(rising[0]), *map(float, values[inside]), float(rising[-1])),
    )


def calibration_error(confidences: NDArray[np.floating], real: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015) over bins of equal count.

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
