"""8-connected objects of masks, and which true one claims which predicted one. NumPy and SciPy only.

Masks are nearly empty. Rows and columns without any pixel of interest are left out before labelling, but for one
after each run of occupied ones, so that what did not touch still does not: the same objects, in the same order,
from a few per cent of the pixels.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MATCH_DISTANCE: Final = 3.0  # pixels, strictly less
EIGHT_CONNECTED: Final = np.ones((3, 3), np.int8)

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects in reading order of their first pixels: areas ``[K]``, unweighted centroids ``[K, 2]`` (y, x)."""

    areas: NDArray[np.intp]
    centroids: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Match:
    """True object ``wanted`` claims predicted object ``found``; ``distance`` of their centroids in pixels."""

    wanted: int
    found: int
    distance: float


@dataclass(frozen=True, slots=True)
class OccupiedRegion:
    """The rows ``[h]`` and columns ``[w]`` of a frame of ``shape`` that matter."""

    shape: tuple[int, ...]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @classmethod
    def around(cls, occupied: NDArray[np.bool_]) -> "OccupiedRegion":
        """All that may be True in masks to be cropped, ``occupied [H, W]``, is inside."""
        return cls(occupied.shape, _with_gaps(occupied.any(axis=1)), _with_gaps(occupied.any(axis=0)))

    def narrowed(self, occupied: NDArray[np.bool_]) -> tuple["OccupiedRegion", "OccupiedRegion"]:
        """The same around a part of its pixels, ``[h, w]``: the window of the frame, and that of its own planes."""
        inner = OccupiedRegion.around(occupied)
        return OccupiedRegion(self.shape, self.rows[inner.rows], self.columns[inner.columns]), inner

    def crop(self, plane: NDArray[Kind]) -> NDArray[Kind]:
        """``[H, W]`` -> ``[h, w]``."""
        return plane[np.ix_(self.rows, self.columns)]

    def restore(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """``[h, w]`` -> ``[H, W]``, False elsewhere."""
        plane = np.zeros(self.shape, np.bool_)
        plane[np.ix_(self.rows, self.columns)] = mask
        return plane

    def objects(self, mask: NDArray[np.bool_]) -> Objects:
        """Objects of a cropped mask ``[h, w]``; centroids in pixels of the frame."""
        labels, number = ndimage.label(mask, EIGHT_CONNECTED)
        pixels = np.flatnonzero(mask)
        y, x = np.divmod(pixels, max(mask.shape[1], 1))
        owner = labels.ravel()[pixels] - 1
        areas = np.bincount(owner, minlength=number)
        sums = [np.bincount(owner, weights=axis, minlength=number) for axis in (self.rows[y], self.columns[x])]
        return Objects(areas, np.stack(sums, 1) / np.maximum(areas, 1)[:, None])


def match(wanted: Objects, found: Objects) -> list[Match]:
    """Each true object in turn claims the first free predicted one nearer than ``MATCH_DISTANCE``."""
    offsets = found.centroids[None] - wanted.centroids[:, None]  # [wanted, found, 2]
    distances = np.hypot(offsets[..., 0], offsets[..., 1])
    matches: list[Match] = []
    taken: set[int] = set()
    for target, candidate in np.argwhere(distances < MATCH_DISTANCE).tolist():
        if candidate in taken or (matches and matches[-1].wanted == target):
            continue
        taken.add(candidate)
        matches.append(Match(target, candidate, float(distances[target, candidate])))
    return matches


def _with_gaps(occupied: NDArray[np.bool_] | np.bool_) -> NDArray[np.intp]:
    kept = np.array(occupied)
    kept[1:] |= kept[:-1].copy()
    return np.flatnonzero(kept)
