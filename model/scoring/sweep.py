"""Pd and Fa over thresholds: what a threshold costs and what it buys. NumPy and SciPy only."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.scoring.metrics import false_objects
from model.scoring.objects import OccupiedRegion, match

# even in the log-odds, as probabilities of a trained network lie; nothing is above 1, which ends the curve at (0, 0)
THRESHOLDS: Final = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    *(0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0),
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Counts at each of ``THRESHOLDS``, of one frame or the sum of many. Arrays are ``[T]``, areas in pixels."""

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
        """Of no frame."""
        nothing = np.zeros(len(THRESHOLDS), np.int64)
        return cls(0, 0, nothing, nothing, nothing)

    def pd(self) -> NDArray[np.float64]:
        """``[T]`` 0..1; NaN without targets."""
        return self.detected / self.targets if self.targets else np.full(len(THRESHOLDS), np.nan)

    def fa_identity(self) -> NDArray[np.float64]:
        """``[T]`` pixels per million that belong to no detected target."""
        return 1e6 * self.false_area / max(self.pixels, 1)


def sweep_frame(probabilities: NDArray[np.float32], mask: NDArray[np.bool_]) -> Sweep:
    """Count one frame at every threshold; a pixel above it is predicted.

    Args:
        probabilities: ``[H, W]``, 0 to 1.
        mask: ``[H, W]``.
    """
    around_targets = OccupiedRegion.around(mask)
    wanted = around_targets.objects(around_targets.crop(mask))
    window, inside = OccupiedRegion.around(np.ones_like(mask)), probabilities
    counts = np.zeros((3, len(THRESHOLDS)), np.int64)
    for index, threshold in enumerate(THRESHOLDS):
        window, inner = window.narrowed(inside > threshold)  # what is above one threshold holds what is above the next
        inside = inner.crop(inside)
        found = window.objects(inside > threshold)
        matches = match(wanted, found)
        false = false_objects(found, matches).areas
        counts[:, index] = len(matches), false.size, false.sum()
    return Sweep(mask.size, len(wanted.areas), *counts)
