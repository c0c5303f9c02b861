"""Pd of groups of targets with similar size or contrast."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

Z_95: Final = 1.959964  # 95 % of a normal distribution lie within this many standard deviations
AREA_EDGES: Final = (1.0, 5.0, 10.0, 17.0, 37.0, 82.0, float("inf"))  # pixels; papers call targets up to 81 px small
CONTRAST_EDGES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, float("inf"))


@dataclass(frozen=True, slots=True)
class Group:
    """The targets of one bin and how many of them were detected."""

    label: str
    targets: int
    detected: int

    @property
    def pd(self) -> float:
        """Share of detected targets, 0..1; NaN if the group has no targets."""
        return self.detected / self.targets if self.targets else float("nan")

    def interval(self) -> tuple[float, float]:
        """Confidence interval of Pd at 95 % (Wilson): wide if the group has few targets, NaN if it has none."""
        if not self.targets:
            return float("nan"), float("nan")
        n, pd, z2 = self.targets, self.pd, Z_95**2
        centre, half = pd + z2 / (2 * n), Z_95 * float(np.sqrt(pd * (1 - pd) / n + z2 / (4 * n * n)))
        # if all or none were detected, one bound equals Pd; rounding must not move it past Pd
        low, high = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
        return min(max(low, 0.0), pd), max(min(high, 1.0), pd)


def by_area(areas: NDArray[np.floating], detected: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Group targets by area in pixels. Both arrays are ``[K]``."""
    return _groups(areas, detected, AREA_EDGES, _area_label)


def by_contrast(contrasts: NDArray[np.floating], detected: NDArray[np.bool_]) -> tuple[Group, ...]:
    """Group targets by signal-to-clutter ratio. Both arrays are ``[K]``; targets with a NaN ratio are in no group."""
    return _groups(contrasts, detected, CONTRAST_EDGES, _contrast_label)


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


def _area_label(low: float, high: float) -> str:
    return f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high - 1:g}"


def _contrast_label(low: float, high: float) -> str:
    if np.isinf(high):
        return f"{low:g} and more"
    return f"below {high:g}" if not low else f"{low:g} to {high:g}"
