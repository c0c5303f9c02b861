"""Pd and Fa as functions of the decision threshold."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.scoring.metrics import false_objects
from model.scoring.objects import OccupiedRegion, match

# fine at both ends, where probabilities of a trained network lie, and every threshold that export chooses from between
# them; no pixel is above 1, so the curve ends at (0, 0)
THRESHOLDS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02),
    *(0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95),
    *(0.98, 0.99, 0.995, 0.998, 0.999, 1.0),
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Counts at each of the T ``THRESHOLDS``, of one frame or summed over many. Arrays are ``[T]``, areas in pixels."""

    pixels: int
    targets: int
    detected: NDArray[np.int64]
    false_objects: NDArray[np.int64]
    false_area: NDArray[np.int64]

    def __add__(self, other: "Sweep") -> "Sweep":
        return Sweep(
            self.pixels + other.pixels,
            self.targets + other.targets,
            self.detected + other.detected,
            self.false_objects + other.false_objects,
            self.false_area + other.false_area,
        )

    @classmethod
    def empty(cls) -> "Sweep":
        """The sweep of no frames."""
        nothing = np.zeros(len(THRESHOLDS), np.int64)
        return cls(0, 0, nothing, nothing, nothing)

    def pd(self) -> NDArray[np.float64]:
        """Share of detected targets ``[T]``, 0..1; NaN if there are no targets."""
        return self.detected / self.targets if self.targets else np.full(len(THRESHOLDS), np.nan)

    def fa_identity(self) -> NDArray[np.float64]:
        """Pixels of false objects per million pixels, ``[T]``."""
        return 1e6 * self.false_area / max(self.pixels, 1)


def sweep_frame(probabilities: NDArray[np.float32], mask: NDArray[np.bool_]) -> Sweep:
    """Count one frame at every threshold. Pixels above the threshold are predicted.

    Args:
        probabilities: ``[H, W]``, 0 to 1.
        mask: ``[H, W]``, True on targets.
    """
    of_targets = OccupiedRegion.around(mask)
    true = of_targets.objects(of_targets.crop(mask))
    region, inside = OccupiedRegion.around(np.ones_like(mask)), probabilities
    counts = np.zeros((3, len(THRESHOLDS)), np.int64)
    for index, threshold in enumerate(THRESHOLDS):
        region, inner = region.narrowed(inside > threshold)  # thresholds rise, so the region can only shrink
        inside = inner.crop(inside)
        predicted = region.objects(inside > threshold)
        matches = match(true, predicted)
        false = false_objects(predicted, matches).areas
        counts[:, index] = len(matches), false.size, false.sum()
    return Sweep(mask.size, len(true.areas), *counts)
