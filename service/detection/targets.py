"""Probabilities -> targets: components, their centroids and their confidence."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from service.runtime.card import Calibration

EIGHT_CONNECTED: Final = np.ones((3, 3), np.int8)


class Point(NamedTuple):
    """A position in pixels; x to the right, y down; (0, 0) is the centre of the top-left pixel."""

    x: float
    y: float


class Box(NamedTuple):
    """A rectangle of whole pixels: columns ``x`` to ``x + width - 1``, rows ``y`` to ``y + height - 1``."""

    x: int
    y: int
    width: int
    height: int


class Peak(NamedTuple):
    """The most probable pixel of a target."""

    x: int
    y: int
    probability: float


@dataclass(frozen=True, slots=True)
class Target:
    """One 8-connected component above the threshold; ``centroid`` is weighted by probability."""

    id: int
    confidence: float
    centroid: Point
    bbox: Box
    area: int
    peak: Peak


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pixels and which targets to keep.

    Attributes:
        threshold: pixels with a greater probability belong to targets.
        min_confidence: targets below it are left out.
        min_area: targets of fewer pixels are left out.
        max_targets: the most confident are kept.
    """

    threshold: float
    min_confidence: float
    min_area: int
    max_targets: int


@dataclass(frozen=True, slots=True)
class Found:
    """Targets by falling confidence; ``mask [H, W]`` is exactly their union.

    ``truncated`` says that ``max_targets`` left some targets out.
    """

    targets: tuple[Target, ...]
    mask: NDArray[np.bool_]
    truncated: bool


def find_targets(probabilities: NDArray[np.float32], calibration: Calibration, selection: Selection) -> Found:
    """Group pixels into targets.

    The score of a target is the highest or the mean probability of its pixels, as ``calibration`` says, which maps the
    score to confidence.

    Args:
        probabilities: ``[H, W]``, 0 to 1.
        calibration: of the model card.
        selection: which pixels and targets to keep.
    """
    labels, number = ndimage.label(probabilities > selection.threshold, EIGHT_CONNECTED)
    if not number:
        return Found((), np.zeros(probabilities.shape, np.bool_), False)
    components = _Components(probabilities, labels, number)
    score = components.peak if calibration.score == "peak" else components.mean
    confidence = confidence_of(score, calibration)
    kept = np.flatnonzero((components.area >= selection.min_area) & (confidence >= selection.min_confidence))
    # at equal confidence the higher score comes first, then reading order, so that the order is always the same
    ranked = kept[np.lexsort((kept, -score[kept], -confidence[kept]))]
    chosen = ranked[: selection.max_targets]
    targets = tuple(
        components.target(int(component), rank, float(confidence[component]))
        for rank, component in enumerate(chosen, 1)
    )
    belongs = np.zeros(number + 1, np.bool_)
    belongs[chosen + 1] = True
    return Found(targets, belongs[labels], len(chosen) < len(ranked))


def confidence_of(score: NDArray[np.float64] | float, calibration: Calibration) -> NDArray[np.float64]:
    """The share of targets with this score that are real: 0 to 1."""
    return np.asarray(np.interp(score, calibration.scores, calibration.confidences))


class _Components:
    """Measures all components at once. Every array is ``[K]``; component ``k`` has label ``k + 1``."""

    def __init__(self, probabilities: NDArray[np.float32], labels: NDArray[np.int32], number: int) -> None:
        y, x = np.nonzero(labels)
        owner, weight = labels[y, x] - 1, probabilities[y, x].astype(np.float64)
        self.area = np.bincount(owner, minlength=number)
        mass = np.bincount(owner, weight, number)
        self.mean = mass / self.area
        self._x = np.bincount(owner, weight * x, number) / mass
        self._y = np.bincount(owner, weight * y, number) / mass
        # pixels sorted by component, then by falling probability: the first pixel of a component is its peak
        order = np.lexsort((-weight, owner))
        starts = np.cumsum(self.area) - self.area
        first, x, y = order[starts], x[order], y[order]
        self._peak_x, self._peak_y, self.peak = x[starts], y[starts], weight[first]
        # scipy's find_objects would keep the interpreter for a second, for a million components
        self._left, self._top = np.minimum.reduceat(x, starts), np.minimum.reduceat(y, starts)
        self._right, self._bottom = np.maximum.reduceat(x, starts), np.maximum.reduceat(y, starts)

    def target(self, k: int, rank: int, confidence: float) -> Target:
        left, top = int(self._left[k]), int(self._top[k])
        return Target(
            id=rank,
            confidence=confidence,
            centroid=Point(float(self._x[k]), float(self._y[k])),
            bbox=Box(left, top, int(self._right[k]) - left + 1, int(self._bottom[k]) - top + 1),
            area=int(self.area[k]),
            peak=Peak(int(self._peak_x[k]), int(self._peak_y[k]), float(self.peak[k])),
        )
