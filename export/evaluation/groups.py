"""Pd of targets that have something in common: their size, their contrast."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Z_95: Final = 1.959964  # standard deviations that hold 95 % of a normal distribution
AREA_EDGES: Final = (1.0, 5.0, 10.0, 17.0, 37.0, 82.0, float("inf"))  # pixels; 81 is the field's limit of "small"
CONTRAST_EDGES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, float("inf"))


@dataclass(frozen=True, slots=True)
class Group:
    """Targets of one bin: how many, and how many were detected."""

    label: str
    targets: int
    detected: int

    @property
    def pd(self) -> float:
        """0..1; NaN without targets."""
        return self.detected / self.targets if self.targets else float("nan")

    def interval(self) -> tuple[float, float]:
        """Of Pd, 95 % (Wilson): how far so few targets can be trusted."""
        if not self.targets:
            return float("nan"), float("nan")
        n, pd, z2 = self.targets, self.pd, Z_95**2
        centre, half = pd + z2 / (2 * n), Z_95 * float(np.sqrt(pd * (1 - pd) / n + z2 / (4 * n * n)))
        # where all or none were detected the bound is exact; rounding must not pass it
        low, high = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
        return min(max(low, 0.0), pd), max(min(high, 1.0), pd)


def by_area(areas: NDArray[np.floating], detected: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Groups by target area in pixels; ``[K]`` each."""
    return _groups(areas, detected, AREA_EDGES, _whole)


def by_contrast(contrasts: NDArray[np.floating], detected: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Groups by signal-to-clutter ratio; ``[K]`` each, targets without surroundings (NaN) in none."""
    return _groups(contrasts, detected, CONTRAST_EDGES, _between)


def _groups(
    values: NDArray[np.floating],
    detected: NDArray[np.bool_],
    edges: tuple[float, ...],
    name: Callable[[float, float], str],
) -> tuple[Group, ...]:
    groups = []
    for low, high in pairwise(edges):
        inside = (values >= low) & ((values < high) | np.isinf(high))  # NaN is in none
        groups.append(Group(name(low, high), int(inside.sum()), int(detected[inside].sum())))
    return tuple(groups)


def _whole(low: float, high: float) -> str:
    return f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high - 1:g}"


def _between(low: float, high: float) -> str:
    if np.isinf(high):
        return f"{low:g} and more"
    return f"below {high:g}" if not low else f"{low:g} to {high:g}"
