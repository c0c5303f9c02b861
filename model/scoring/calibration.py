"""Calibration: maps the score of a predicted target to the share of such targets that are real.

The curve is fitted on frames that were not trained on, by isotonic regression over bins (Zadrozny and Elkan, KDD 2002).
It rises strictly, so it keeps the order of targets and never makes different scores equal. A correction for small
samples keeps it below 1 and above 0.

False targets are rare, and most of them have low scores. With bins of equal count, nearly all of them are in the first
bin or two, where the curve must be finest. So each bin gets about the same share of the real and of the false targets
together.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]
ROUNDING: Final = 1e-9
ROOM: Final = 0.45  # of the way to the neighbouring pool; below one half, so that pools stay apart


@dataclass(frozen=True, slots=True)
class Curve:
    """Confidence as a function of the score, linear between knots. Both lie in 0..1 and rise strictly."""

    scores: tuple[float, ...]
    confidences: tuple[float, ...]

    def __call__(self, score: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(np.interp(score, self.scores, self.confidences))


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin of targets with similar confidence: mean confidence, share that is real, and number of targets."""

    confidence: float
    share: float
    targets: int


def fit_curve(
    scores: NDArray[np.floating], real: NDArray[np.bool_], weights: Floats | None = None, bins: int = 12
) -> Curve:
    """Fit the calibration curve.

    Args:
        scores: ``[T]``, scores of all predicted targets, 0..1.
        real: ``[T]``, whether a true target claims the predicted one.
        weights: ``[T]``, above 0, how much each of them counts; by default each counts the same.
        bins: maximum number of bins.

    Raises:
        ValueError: there are fewer targets than bins, or the shapes differ.
    """
    if scores.shape != real.shape or scores.size < bins:
        raise ValueError(f"{scores.size} scores and {real.size} labels cannot fill {bins} bins")
    weights = np.ones(scores.size) if weights is None else weights / weights.mean()
    centres, successes, sizes = _bins(scores, real, weights, bins)
    confidences, lowest, highest = _rising_shares(successes, sizes)
    inside = (centres > 0) & (centres < 1)
    return Curve(
        scores=(0.0, *map(float, centres[inside]), 1.0),
        confidences=(
            lowest if centres[0] > 0 else float(confidences[0]),
            *map(float, confidences[inside]),
            highest if centres[-1] < 1 else float(confidences[-1]),
        ),
    )


def _bins(
    scores: NDArray[np.floating], real: NDArray[np.bool_], weights: Floats, bins: int
) -> tuple[Floats, Floats, Floats]:
    """Mean score, weight of real targets and weight of targets of each bin. Equal scores fall into the same bin."""
    of_kind = np.bincount(real, weights, 2)  # of false targets and of real ones
    _, places = np.unique(bin_places(scores, bins, weights / of_kind[real.astype(int)]), return_inverse=True)
    columns = (weights, weights * scores, weights * real)
    sizes, totals, successes = (np.asarray(np.bincount(places, one), np.float64) for one in columns)
    return totals / sizes, successes, sizes


def _rising_shares(successes: Floats, sizes: Floats) -> tuple[Floats, float, float]:
    """Share of real targets in each bin, made strictly rising, and a share below the first and one above the last.

    Isotonic regression pools neighbouring bins. One success and one failure are added to each pool (Laplace), so no
    share is 0 or 1. They must not be added to each bin before pooling: several bins of real targets only would
    then get no higher share than one.

    All bins of a pool have one share, which would make targets of different scores equal. So the shares of a pool are
    tilted around their mean, which stays as it is: by at most the standard error of the pool, and by less than half of
    the way to the neighbouring pools, 0 and 1.
    """
    first = isotonic_regression(successes / sizes, weights=sizes).blocks[:-1]
    pooled, real = np.add.reduceat(sizes, first), np.add.reduceat(successes, first)
    smoothed = isotonic_regression((real + 1) / (pooled + 2), weights=pooled)
    # pools whose shares differ by a rounding error have no room for a tilt between them: they are one
    joined = np.flatnonzero(np.diff(smoothed.x, prepend=-1.0) > ROUNDING)
    shares, counts = smoothed.x[joined], np.add.reduceat(pooled, joined)
    gaps = np.diff(shares, prepend=0.0, append=1.0)
    error = np.sqrt(shares * (1 - shares) / (counts + 3))  # of a share with Laplace's two more
    tilts = np.minimum(error, ROOM * np.minimum(gaps[:-1], gaps[1:]))
    pools = np.repeat(np.arange(len(shares)), np.diff([*np.append(first, len(sizes))[joined], len(sizes)]))
    before = np.append(0.0, np.cumsum(counts))[pools]
    place = 2 * (np.cumsum(sizes) - sizes / 2 - before) / counts[pools] - 1  # -1..1 in the pool, 0 in its middle
    confidences = shares[pools] + tilts[pools] * place
    return confidences, float(shares[0] - tilts[0]), float(shares[-1] + tilts[-1])


def calibration_error(confidences: NDArray[np.floating], real: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015) over bins of about equal count.

    Args:
        confidences: ``[T]``, 0..1.
        real: ``[T]``, whether a true target claims the predicted one.
        bins: maximum number of bins.

    Returns:
        Mean absolute difference between confidence and share of real targets; NaN if there are no targets.
    """
    if not confidences.size:
        return float("nan")
    gaps = (abs(one.confidence - one.share) * one.targets for one in reliability(confidences, real, bins))
    return sum(gaps) / confidences.size


def chance_error(confidences: NDArray[np.floating], bins: int = 10, rounds: int = 1000) -> tuple[float, float]:
    """The calibration error that chance alone gives if the confidences are exactly right.

    In each of ``rounds`` simulations, targets are real at random, each with the probability that its confidence names.

    Args:
        confidences: ``[T]``, 0..1, at least one.
        bins: as for ``calibration_error``.
        rounds: number of simulations.

    Returns:
        Mean of the simulated errors, and the error that one in twenty exceeds.
    """
    _, places = np.unique(bin_places(confidences, min(bins, confidences.size)), return_inverse=True)
    rng = np.random.default_rng(0)
    errors = [
        abs(np.bincount(places, (rng.random(confidences.size) < confidences) - confidences)).sum() / confidences.size
        for _ in range(rounds)
    ]
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def reliability(confidences: NDArray[np.floating], real: NDArray[np.bool_], bins: int = 10) -> tuple[Bin, ...]:
    """The bins of a reliability plot, by rising confidence. ``calibration_error`` uses the same bins.

    Args:
        confidences: ``[T]``, 0..1.
        real: ``[T]``, whether a true target claims the predicted one.
        bins: maximum number of bins, of about equal count.
    """
    places = bin_places(confidences, min(bins, confidences.size))
    groups = [places == place for place in np.unique(places)]
    return tuple(Bin(float(confidences[one].mean()), float(real[one].mean()), int(one.sum())) for one in groups)


def bin_places(scores: NDArray[np.floating], bins: int, weights: Floats | None = None) -> NDArray[np.int_]:
    """Index of the bin, 0 to ``bins - 1``, of each of ``scores`` ``[T]``; bins have about equal weight.

    Scores that are equal to six decimals fall into the same bin. Calibrated confidences have many equal values, and
    their order has no meaning.

    Args:
        scores: ``[T]``.
        bins: maximum number of bins.
        weights: ``[T]``, of the targets; by default each counts the same.
    """
    _, which = np.unique(np.round(scores.astype(np.float64), 6), return_inverse=True)
    shares = np.bincount(which, weights)
    middle = np.cumsum(shares) - shares / 2
    places = np.minimum((middle * bins / max(shares.sum(), 1e-12)).astype(int), bins - 1)
    return np.asarray(places[which])
