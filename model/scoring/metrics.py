"""Scores of the field: IoU, nIoU, Pd and Fa. NumPy and SciPy only.

Definitions as in the authors' evaluation (DNANet, BasicIRSTD and RRCA-Net share it), with one repair. Their
false-alarm rule looks areas up, not objects: a false object that happens to be as large as a detected target
of the same frame is not counted. ``fa_legacy`` reproduces that rule for comparison with published numbers,
``fa_identity`` counts every predicted object that no target claimed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.scoring.objects import EIGHT_CONNECTED, Match, Objects, OccupiedRegion, match


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
    alarmed_frames: int = 0  # frames with a false object

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
    alarmed_frames: float  # share of the frames that have a false object
    centroid_error: float


def count_frame(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> Counts:
    """Compare a predicted mask with the true one.

    Args:
        prediction: ``[H, W]`` bool, probabilities above the decision threshold.
        mask: ``[H, W]`` bool.

    Raises:
        ValueError: the shapes differ.
    """
    window = _window(prediction, mask)
    pixels, prediction, mask = mask.size, window.crop(prediction), window.crop(mask)
    intersection = int(np.count_nonzero(prediction & mask))
    union = int(np.count_nonzero(prediction | mask))
    found, wanted = window.objects(prediction), window.objects(mask)
    matches = match(wanted, found)
    matched_areas = found.areas[[one.found for one in matches]]
    false = false_objects(found, matches)
    return Counts(
        frames=1,
        pixels=pixels,
        intersection=intersection,
        union=union,
        predicted_area=int(np.count_nonzero(prediction)),
        true_area=int(np.count_nonzero(mask)),
        targets=len(wanted.areas),
        detected=len(matches),
        false_objects=len(false.areas),
        false_area=int(false.areas.sum()),
        false_area_legacy=int(found.areas[~np.isin(found.areas, matched_areas)].sum()),
        centroid_error=sum(one.distance for one in matches),
        scored_frames=int(union > 0),
        frame_iou=intersection / union if union else 0.0,
        alarmed_frames=int(len(false.areas) > 0),
    )


def false_objects(found: Objects, matches: list[Match]) -> Objects:
    """The predicted objects that no target claims."""
    free = np.ones(len(found.areas), np.bool_)
    free[[one.found for one in matches]] = False
    return Objects(found.areas[free], found.centroids[free])


def detected_targets(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``[K]``: which true targets, in the order of ``ndimage.label``, claim a predicted object."""
    window = _window(prediction, mask)
    wanted = window.objects(window.crop(mask))
    detected = np.zeros(len(wanted.areas), np.bool_)
    detected[[one.wanted for one in match(wanted, window.objects(window.crop(prediction)))]] = True
    return detected


def claimed_objects(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``[H, W]``: the pixels of those predicted objects that a true target claims."""
    window = _window(prediction, mask)
    prediction, mask = window.crop(prediction), window.crop(mask)
    labels, number = ndimage.label(prediction, EIGHT_CONNECTED)
    claimed = np.zeros(number + 1, np.bool_)
    claimed[[one.found + 1 for one in match(window.objects(mask), window.objects(prediction))]] = True
    return window.restore(np.asarray(claimed[labels]))


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
        alarmed_frames=_ratio(total.alarmed_frames, total.frames),
        centroid_error=_ratio(total.centroid_error, total.detected),
    )


def _window(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> OccupiedRegion:
    if prediction.shape != mask.shape:
        raise ValueError(f"prediction is {prediction.shape}, mask is {mask.shape}")
    return OccupiedRegion.around(prediction | mask)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
