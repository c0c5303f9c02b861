"""8-connected objects of masks, and the matching of true and predicted objects.

Masks are nearly empty, so empty rows and columns are removed before labelling. One empty row or column is kept after
each run of occupied ones, so that separate objects stay separate. The result is the same, in the same order, for a few
per cent of the pixels.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MATCH_DISTANCE: Final = 3.0  # pixels, strictly less
EIGHT_CONNECTED: Final = np.ones((3, 3), np.int8)

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of a mask, ordered by their first pixel: areas ``[K]``, unweighted centroids ``[K, 2]`` (y, x)."""

    areas: NDArray[np.intp]
    centroids: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Match:
    """Index of a true object, index of the predicted object that it claims, distance of their centroids in pixels."""

    true: int
    predicted: int
    distance: float


@dataclass(frozen=True, slots=True)
class OccupiedRegion:
    """The rows ``[h]`` and columns ``[w]`` of a frame of shape ``shape`` that are kept for labelling."""

    shape: tuple[int, ...]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @classmethod
    def around(cls, occupied: NDArray[np.bool_]) -> "OccupiedRegion":
        """The region that holds every True pixel of ``occupied [H, W]``. Masks to crop may be True only there."""
        return cls(occupied.shape, _with_gaps(occupied.any(axis=1)), _with_gaps(occupied.any(axis=0)))

    def narrowed(self, occupied: NDArray[np.bool_]) -> tuple["OccupiedRegion", "OccupiedRegion"]:
        """The region of the pixels ``occupied [h, w]`` inside this one, relative to the frame and to this region."""
        inner = OccupiedRegion.around(occupied)
        return OccupiedRegion(self.shape, self.rows[inner.rows], self.columns[inner.columns]), inner

    def crop(self, plane: NDArray[Scalar]) -> NDArray[Scalar]:
        """``[H, W]`` -> ``[h, w]``."""
        return plane[np.ix_(self.rows, self.columns)]

    def restore(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """``[h, w]`` -> ``[H, W]``, False outside the region."""
        plane = np.zeros(self.shape, np.bool_)
        plane[np.ix_(self.rows, self.columns)] = mask
        return plane

    def objects(self, mask: NDArray[np.bool_]) -> Objects:
        """Objects of a cropped mask ``[h, w]``. Centroids are in pixels of the frame."""
        labels, number = ndimage.label(mask, EIGHT_CONNECTED)
        pixels = np.flatnonzero(mask)
        y, x = np.divmod(pixels, max(mask.shape[1], 1))
        owner = labels.ravel()[pixels] - 1
        areas = np.bincount(owner, minlength=number)
        sums = [np.bincount(owner, weights=axis, minlength=number) for axis in (self.rows[y], self.columns[x])]
        return Objects(areas, np.stack(sums, 1) / np.maximum(areas, 1)[:, None])


def match(true: Objects, predicted: Objects) -> list[Match]:
    """Each true object, in order, claims the first free predicted object that is closer than ``MATCH_DISTANCE``."""
    offsets = predicted.centroids[None] - true.centroids[:, None]  # [true, predicted, 2]
    distances = np.hypot(offsets[..., 0], offsets[..., 1])
    matches: list[Match] = []
    taken: set[int] = set()
    for target, candidate in np.argwhere(distances < MATCH_DISTANCE).tolist():
        if candidate in taken or (matches and matches[-1].true == target):
            continue
        taken.add(candidate)
        matches.append(Match(target, candidate, float(distances[target, candidate])))
    return matches


def _with_gaps(occupied: NDArray[np.bool_] | np.bool_) -> NDArray[np.intp]:
    """Indices of the occupied rows or columns, and of one empty one after each run of them."""
    kept = np.array(occupied)
    kept[1:] |= kept[:-1].copy()
    return np.flatnonzero(kept)
