"""The usual scores for infrared small targets: IoU, nIoU, Pd and Fa.

The definitions are those of the authors' evaluation code, which DNANet, BasicIRSTD and RRCA-Net share, with one
correction. Their code for false alarms compares areas in place of objects: it skips a false object whose area equals
that of a detected object of the same frame. ``fa_legacy`` follows this rule, for comparison with published numbers.
``fa_identity`` counts every predicted object that no target claims.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.scoring.objects import EIGHT_CONNECTED, Match, Objects, OccupiedRegion, match


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of one frame or sums over many frames. Areas are in pixels."""

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
    """Scores of a dataset. Ratios are 0..1, ``fa_*`` is in pixels per million, ``centroid_error`` in pixels.

    A score whose denominator is zero, such as Pd without targets, is NaN.
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
    alarmed_frames: float  # share of the frames with a false object
    centroid_error: float


def count_frame(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> Counts:
    """Compare a predicted mask with the true one.

    Args:
        prediction: ``[H, W]`` bool, True where the probability is above the decision threshold.
        mask: ``[H, W]`` bool, True on targets.

    Raises:
        ValueError: the shapes differ.
    """
    region = _region(prediction, mask)
    pixels, prediction, mask = mask.size, region.crop(prediction), region.crop(mask)
    intersection = int(np.count_nonzero(prediction & mask))
    union = int(np.count_nonzero(prediction | mask))
    predicted, true = region.objects(prediction), region.objects(mask)
    matches = match(true, predicted)
    matched_areas = predicted.areas[[one.predicted for one in matches]]
    false = false_objects(predicted, matches)
    return Counts(
        frames=1,
        pixels=pixels,
        intersection=intersection,
        union=union,
        predicted_area=int(np.count_nonzero(prediction)),
        true_area=int(np.count_nonzero(mask)),
        targets=len(true.areas),
        detected=len(matches),
        false_objects=len(false.areas),
        false_area=int(false.areas.sum()),
        false_area_legacy=int(predicted.areas[~np.isin(predicted.areas, matched_areas)].sum()),
        centroid_error=sum(one.distance for one in matches),
        scored_frames=int(union > 0),
        frame_iou=intersection / union if union else 0.0,
        alarmed_frames=int(len(false.areas) > 0),
    )


def false_objects(predicted: Objects, matches: list[Match]) -> Objects:
    """The predicted objects that no target claims."""
    free = np.ones(len(predicted.areas), np.bool_)
    free[[one.predicted for one in matches]] = False
    return Objects(predicted.areas[free], predicted.centroids[free])


def detected_targets(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``[K]``: whether each true target, in the order of ``ndimage.label``, claims a predicted object."""
    region = _region(prediction, mask)
    true = region.objects(region.crop(mask))
    detected = np.zeros(len(true.areas), np.bool_)
    detected[[one.true for one in match(true, region.objects(region.crop(prediction)))]] = True
    return detected


def claimed_objects(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``[H, W]``: the pixels of the predicted objects that a true target claims."""
    region = _region(prediction, mask)
    prediction, mask = region.crop(prediction), region.crop(mask)
    labels, number = ndimage.label(prediction, EIGHT_CONNECTED)
    claimed = np.zeros(number + 1, np.bool_)
    claimed[[one.predicted + 1 for one in match(region.objects(mask), region.objects(prediction))]] = True
    return region.restore(np.asarray(claimed[labels]))


def score(counts: Iterable[Counts]) -> Scores:
    """Scores of all frames together. nIoU is the mean of the IoU of single frames."""
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


def _region(prediction: NDArray[np.bool_], mask: NDArray[np.bool_]) -> OccupiedRegion:
    if prediction.shape != mask.shape:
        raise ValueError(f"prediction is {prediction.shape}, mask is {mask.shape}")
    return OccupiedRegion.around(prediction | mask)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
