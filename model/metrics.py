"""Scores of the field: IoU, nIoU, Pd and Fa. NumPy and SciPy only.

Definitions as in the authors' evaluation (DNANet, BasicIRSTD and RRCA-Net share it), with one repair. Their
false-alarm rule looks areas up, not objects: a false object that happens to be as large as a detected target
of the same frame is not counted. ``fa_legacy`` reproduces that rule for comparison with published numbers,
``fa_identity`` counts every predicted object that no target claimed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

MATCH_DISTANCE: Final = 3.0  # pixels, strictly less
EIGHT_CONNECTED: Final = np.ones((3, 3), np.int8)


@dataclass(frozen=True, slots=True)
class Counts:
    """What one frame, or the sum of many, contributes. Areas are in pixels."""

    frames: int = 0
    pixels: int = 0
    intersection: int = 0
    union: int = 0
    predicted_area: int = 0
    true_area: int = 0
    targets: int = 0
    detected: int = 0
    false_objects: int = 0
    false_area: int = 0
    false_area_legacy: int = 0
    centroid_error: float = 0.0  # pixels, summed over detected targets
    scored_frames: int = 0  # frames with a target or a prediction
    frame_iou: float = 0.0  # summed over scored frames

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a data set. Ratios in 0..1, ``fa_*`` in pixels per million, ``centroid_error`` in pixels.

    A score without a denominator (no target, no prediction anywhere) is NaN.
    """

    frames: int
    targets: int
    iou: float
    niou: float
    f1: float
    pd: float
    fa_identity: float
    fa_legacy: float
    false_objects_per_megapixel: float
    centroid_error: float


def count_frame(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> Counts:
    """Compare a predicted mask with the true one.

    Args:
        prediction: ``[H, W]`` bool, probabilities above the decision threshold.
        mask: ``[H, W]`` bool.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != mask.shape:
        raise ValueError(f"prediction is {prediction.shape}, mask is {mask.shape}")
    intersection = int(np.count_nonzero(prediction & mask))
    union = int(np.count_nonzero(prediction | mask))
    found, wanted = _objects(prediction), _objects(mask)
    matches = _match(wanted, found)
    false = [index for index in range(len(found.areas)) if index not in matches]
    matched_areas = {int(found.areas[index]) for index in matches}
    return Counts(
        frames=1,
        pixels=mask.size,
        intersection=intersection,
        union=union,
        predicted_area=int(np.count_nonzero(prediction)),
        true_area=int(np.count_nonzero(mask)),
        targets=len(wanted.areas),
        detected=len(matches),
        false_objects=len(false),
        false_area=int(found.areas[false].sum()),
        false_area_legacy=sum(int(area) for area in found.areas if int(area) not in matched_areas),
        centroid_error=sum(matches.values()),
        scored_frames=int(union > 0),
        frame_iou=intersection / union if union else 0.0,
    )


def claimed_objects(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``[H, W]``: the pixels of those predicted objects that a true target claims."""
    labels, number = ndimage.label(prediction, EIGHT_CONNECTED)
    claimed = np.zeros(number + 1, np.bool_)
    claimed[[index + 1 for index in _match(_objects(mask), _objects(prediction))]] = True
    return np.asarray(claimed[labels])


def score(counts: Iterable[Counts]) -> Scores:
    """Scores of all frames together; nIoU is the mean of the frames' own IoU."""
    total = sum(counts, Counts())
    return Scores(
        frames=total.frames,
        targets=total.targets,
        iou=_ratio(total.intersection, total.union),
        niou=_ratio(total.frame_iou, total.scored_frames),
        f1=_ratio(2 * total.intersection, total.predicted_area + total.true_area),
        pd=_ratio(total.detected, total.targets),
        fa_identity=1e6 * _ratio(total.false_area, total.pixels),
        fa_legacy=1e6 * _ratio(total.false_area_legacy, total.pixels),
        false_objects_per_megapixel=1e6 * _ratio(total.false_objects, total.pixels),
        centroid_error=_ratio(total.centroid_error, total.detected),
    )


@dataclass(frozen=True, slots=True)
class _Objects:
    """8-connected objects in label order: areas ``[K]`` and unweighted centroids ``[K, 2]`` (y, x)."""

    areas: NDArray[np.intp]
    centroids: NDArray[np.float64]


def _objects(mask: NDArray[np.bool_]) -> _Objects:
    labels, number = ndimage.label(mask, EIGHT_CONNECTED)
    y, x = np.nonzero(mask)
    owner = labels[y, x] - 1
    areas = np.bincount(owner, minlength=number)
    sums = [np.bincount(owner, weights=axis, minlength=number) for axis in (y, x)]
    return _Objects(areas, np.stack(sums, 1) / np.maximum(areas, 1)[:, None])


def _match(wanted: _Objects, found: _Objects) -> dict[int, float]:
    """Each target in turn claims the first free object nearer than ``MATCH_DISTANCE``: object -> distance."""
    matches: dict[int, float] = {}
    for centroid in wanted.centroids:
        distances = np.hypot(*(found.centroids - centroid).T)
        for index in np.flatnonzero(distances < MATCH_DISTANCE):
            if int(index) not in matches:
                matches[int(index)] = float(distances[index])
                break
    return matches


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
