"""Probabilities -> targets: components, their centroids, their confidence, and their counts beside the background's."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite, nan, sqrt
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.detection.components import label_components
from service.frames import Celsius
from service.runtime.card import Calibration

MARGIN: Final = 20  # pixels around the box of a target that are its background (Gao et al., IEEE TIP 22(12), 2013)
MOST_AROUND: Final = 1 << 13  # pixels that are read around one target; of a larger area, every n-th row and column


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


class Signal(NamedTuple):
    """What the counts of the frame say about a target, in counts. A value is None if it is not defined.

    Attributes:
        peak: the highest count of the target's pixels; the lowest if targets are darker than their background.
        mean: of the counts of the target's pixels.
        background, noise: mean and standard deviation of the counts around it.
        scr: local signal-to-clutter ratio, ``|mean - background| / noise``; None if ``noise`` is 0.
        temperature_c: of the peak, in degrees Celsius. The mean would be mixed with the background, because the optics
            blur small targets.
    """

    peak: float | None
    mean: float | None
    background: float | None
    noise: float | None
    scr: float | None
    temperature_c: float | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What targets are measured in.

    Attributes:
        counts: ``[H, W]`` of the frame; NaN and infinity are no background.
        is_dark: targets are darker than their background.
        celsius: maps counts ``[N]`` to degrees Celsius; None if that is not known. It may return NaN and infinity.
    """

    counts: NDArray[Any]
    is_dark: bool = False
    celsius: Celsius | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One 8-connected component above the threshold; ``centroid`` is weighted by probability.

    ``signal`` is None if the targets were found without the counts of the frame.
    """

    id: int
    confidence: float
    centroid: Point
    bbox: Box
    area: int
    peak: Peak
    signal: Signal | None = None


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


def find_targets(
    probabilities: NDArray[np.float32], calibration: Calibration, selection: Selection, scene: Scene | None = None
) -> Found:
    """Group pixels into targets.

    The score of a target is the highest or the mean probability of its pixels, as ``calibration`` says, which maps the
    score to confidence.

    Args:
        probabilities: ``[H, W]``, 0 to 1.
        calibration: of the model card.
        selection: which pixels and targets to keep.
        scene: the counts of the frame, of the same size, which give each target its signal.
    """
    above = probabilities > selection.threshold
    components = _components(above, probabilities)
    if components is None:
        return Found((), above, False)
    score = components.peak if calibration.score == "peak" else components.mean
    confidence = confidence_of(score, calibration)
    kept = np.flatnonzero((components.area >= selection.min_area) & (confidence >= selection.min_confidence))
    # at equal confidence the higher score comes first, then reading order, so that the order is always the same
    ranked = kept[np.lexsort((kept, -score[kept], -confidence[kept]))]
    chosen = ranked[: selection.max_targets]
    signals = [None] * len(chosen) if scene is None else components.signals(chosen, above, scene)
    targets = tuple(
        components.target(int(component), rank, float(confidence[component]), signal)
        for rank, (component, signal) in enumerate(zip(chosen, signals, strict=True), 1)
    )
    mask = above if len(chosen) == components.number else components.mask(chosen, above.shape)
    return Found(targets, mask, len(chosen) < len(ranked))


def confidence_of(score: NDArray[np.float64] | float, calibration: Calibration) -> NDArray[np.float64]:
    """The share of targets with this score that are real: 0 to 1."""
    return np.asarray(np.interp(score, calibration.scores, calibration.confidences))


def _components(above: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> "_Components | None":
    """The 8-connected components of the pixels above the threshold; None if there is no such pixel.

    Targets are small and few, so most rows and columns hold nothing, and are left out of the search.
    """
    pixels = np.flatnonzero(above)
    if not pixels.size:
        return None
    y, x = np.divmod(pixels, above.shape[1])
    row, column = _squeezed(y, above.shape[0]), _squeezed(x, above.shape[1])
    small = np.zeros((row[-1] + 1, column.max() + 1), np.bool_)
    small[row, column] = True
    labels, number = label_components(small)
    owner = labels[row, column] - 1
    del pixels, row, column, small, labels  # up to 30 bytes a pixel, which measuring has no need of
    return _Components(probabilities, y, x, owner, number)


def _squeezed(lines: NDArray[np.intp], number: int) -> NDArray[np.intp]:
    """The same rows or columns where of empty ones that lie side by side, one is left: it keeps components apart."""
    stays = np.zeros(number + 1, np.bool_)
    stays[lines] = stays[lines + 1] = True
    return np.cumsum(stays)[lines] - 1


class _Components:
    """Measures all components at once. Every array is ``[K]``.

    Args:
        probabilities: ``[H, W]``.
        y, x: the pixels of all components, row by row.
        owner: the component of each of these pixels.
        number: of components.
    """

    def __init__(
        self,
        probabilities: NDArray[np.float32],
        y: NDArray[np.intp],
        x: NDArray[np.intp],
        owner: NDArray[np.int32],
        number: int,
    ) -> None:
        self.number = number
        weight = probabilities[y, x].astype(np.float64)
        self.area = np.bincount(owner, minlength=number)
        mass = np.bincount(owner, weight, number)
        self.mean = mass / self.area
        self._x = np.bincount(owner, weight * x, number) / mass
        self._y = np.bincount(owner, weight * y, number) / mass
        # pixels sorted by component, then by falling probability: the first pixel of a component is its peak
        order = np.lexsort((-weight, owner))
        starts = np.cumsum(self.area) - self.area
        first, x, y = order[starts], x[order], y[order]
        self._pixels, self._starts = (y, x), starts
        self._peak_x, self._peak_y, self.peak = x[starts], y[starts], weight[first]
        # scipy's find_objects would keep the interpreter for a second, for a million components
        self._left, self._top = np.minimum.reduceat(x, starts), np.minimum.reduceat(y, starts)
        self._right, self._bottom = np.maximum.reduceat(x, starts), np.maximum.reduceat(y, starts)

    def target(self, k: int, rank: int, confidence: float, signal: Signal | None) -> Target:
        left, top = int(self._left[k]), int(self._top[k])
        return Target(
            id=rank,
            confidence=confidence,
            centroid=Point(float(self._x[k]), float(self._y[k])),
            bbox=Box(left, top, int(self._right[k]) - left + 1, int(self._bottom[k]) - top + 1),
            area=int(self.area[k]),
            peak=Peak(int(self._peak_x[k]), int(self._peak_y[k]), float(self.peak[k])),
            signal=signal,
        )

    def mask(self, chosen: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """The pixels of these components, ``[H, W]``."""
        pixels = self._pixels_of(chosen)
        mask = np.zeros(shape, np.bool_)
        mask[self._pixels[0][pixels], self._pixels[1][pixels]] = True
        return mask

    def signals(self, chosen: NDArray[np.intp], above: NDArray[np.bool_], scene: Scene) -> Sequence[Signal]:
        """The signals of these components."""
        if not chosen.size:
            return []
        boxes = np.stack([self._top, self._bottom + 1, self._left, self._right + 1], axis=1)[chosen]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # a count may be the largest float
            peak, mean = self._own_counts(chosen, scene)
            around = [_spread(_around(scene.counts, above, *box)) for box in boxes.tolist()]
            background, noise = np.array(around).T
            scr = np.abs(mean - background) / noise
            temperatures = [] if scene.celsius is None else [scene.celsius(peak)]
        columns = [peak, mean, background, noise, scr, *temperatures]
        return [Signal(*map(_known, row)) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _own_counts(self, chosen: NDArray[np.intp], scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The extreme and the mean count of the pixels of each of these components."""
        area, pixels = self.area[chosen], self._pixels_of(chosen)
        starts = np.cumsum(area) - area
        counts = scene.counts[self._pixels[0][pixels], self._pixels[1][pixels]].astype(np.float64)
        extreme = np.minimum if scene.is_dark else np.maximum
        return extreme.reduceat(counts, starts), np.add.reduceat(counts, starts) / area

    def _pixels_of(self, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
        """Where the pixels of these components stand among all, one component after the other."""
        area = self.area[chosen]
        return np.arange(area.sum()) + np.repeat(self._starts[chosen] - np.cumsum(area) + area, area)


def _around(
    counts: NDArray[Any], above: NDArray[np.bool_], top: int, bottom: int, left: int, right: int
) -> NDArray[np.float64]:
    """The counts around a box, ``[P]``, without pixels above the threshold and without those that are no numbers.

    No pixel above the threshold counts as background, whether or not its target is returned. So what is said of one
    target does not depend on which others the caller asks for.
    """
    top, left, bottom, right = max(top - MARGIN, 0), max(left - MARGIN, 0), bottom + MARGIN, right + MARGIN
    step = ceil(sqrt((bottom - top) * (right - left) / MOST_AROUND))
    area = np.s_[top:bottom:step, left:right:step]
    near: NDArray[np.float64] = counts[area][~above[area]].astype(np.float64)
    return near[np.isfinite(near)] if counts.dtype.kind == "f" else near


def _spread(counts: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation; NaN if there are no counts. numpy.std takes twice as long."""
    if not counts.size:
        return nan, nan
    mean = float(counts.sum()) / counts.size
    deviations = counts - mean
    return mean, sqrt(float(deviations @ deviations) / counts.size)


def _known(value: float) -> float | None:
    return value if isfinite(value) else None
