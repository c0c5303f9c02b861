"""Whether confidence means what it says, bin by bin: the picture behind ``calibration_error``."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Bin:
    """Targets of neighbouring confidence: their mean confidence, the share that is real, and their number."""

    confidence: float
    share: float
    targets: int


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
