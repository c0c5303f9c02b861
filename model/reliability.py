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
    """Bins of equal count, the very ones of ``calibration_error``, by rising confidence.

    Args:
        confidences: ``[T]``, 0..1.
        real: ``[T]``.
    """
    if not confidences.size:
        return ()
    groups = np.array_split(np.argsort(confidences), min(bins, confidences.size))
    return tuple(Bin(float(confidences[group].mean()), float(real[group].mean()), group.size) for group in groups)
