"""Pd and false objects as functions of the lowest confidence that is kept: the operating points of a model."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_POINTS: Final = 64


@dataclass(frozen=True, slots=True)
class OperatingCurve:
    """What is left when only targets of at least a confidence are kept.

    Attributes:
        confidences: rising, 0..1; the first one is 0, which keeps every target.
        pd: share of the true targets that are found, 0..1; never rises.
        false_per_megapixel: false objects in a million pixels; falls.
    """

    confidences: tuple[float, ...]
    pd: tuple[float, ...]
    false_per_megapixel: tuple[float, ...]


def operating_curve(
    confidences: NDArray[np.floating], real: NDArray[np.bool_], targets: int, pixels: int
) -> OperatingCurve:
    """Measure the curve. A true target counts as found if the predicted target that it claims is kept.

    Each point lies halfway between the confidence of a false object and the next higher confidence, so it removes that
    false object and all below it. Of many points, at most ``MAX_POINTS`` stay, about even in the logarithm of the rate.

    Args:
        confidences: ``[T]``, of all predicted targets, 0..1.
        real: ``[T]``, whether a true target claims the predicted one.
        targets: number of true targets in all frames.
        pixels: number of pixels of all frames.

    Raises:
        ValueError: there are no true targets or no pixels.
    """
    if not targets or not pixels:
        raise ValueError("a curve of Pd needs frames with targets")
    levels, place = np.unique(confidences.astype(np.float64), return_inverse=True)  # [L], rising
    false_at, real_at = (np.bincount(place, weights, len(levels)) for weights in (~real, real))
    false_left, real_left = (np.append(np.cumsum(one[::-1])[::-1], 0) for one in (false_at, real_at))  # [L + 1]
    cuts = np.concatenate([[0.0], (levels + np.append(levels[1:], 1.0)) / 2])[: len(levels) + 1]
    useful = np.flatnonzero(np.append(True, (false_at > 0) & (cuts[1:] > levels)))  # cuts[i] keeps levels[i:]
    kept = useful[_spread(false_left[useful])]
    return OperatingCurve(
        confidences=tuple(cuts[kept].tolist()),
        pd=tuple((real_left[kept] / targets).tolist()),
        false_per_megapixel=tuple((1e6 * false_left[kept] / pixels).tolist()),
    )


def _spread(false_left: NDArray[np.float64]) -> NDArray[np.int_]:
    """Indices of at most ``MAX_POINTS`` falling counts ``[P]``: first, last, and others even in the logarithm."""
    if len(false_left) <= MAX_POINTS:
        return np.arange(len(false_left))
    requested = np.geomspace(false_left[0], 1, MAX_POINTS - 1)
    indices = [int(np.argmin(np.abs(false_left - count))) for count in requested]
    return np.unique([0, *indices, len(false_left) - 1])
