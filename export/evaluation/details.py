"""What a report needs beyond the scores, gathered frame by frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from export.evaluation.contrast import target_contrasts
from export.evaluation.source import Found
from model.scoring.curves import Histogram
from model.scoring.metrics import detected_targets
from model.scoring.objects import EIGHT_CONNECTED
from model.scoring.sweep import Sweep, sweep_frame


@dataclass(frozen=True, slots=True)
class Detail:
    """One frame. Of its true targets ``[K]``: area in pixels, contrast, whether detected.

    ``prediction`` is the predicted mask in bits, as ``np.packbits`` makes them.
    """

    histogram: Histogram
    sweep: Sweep
    areas: NDArray[np.float64]
    contrasts: NDArray[np.float64]
    detected: NDArray[np.bool_]
    prediction: NDArray[np.uint8]


def examine(found: Found, counts: NDArray[np.generic], mask: NDArray[np.bool_]) -> Detail:
    """Details of one answer that carries probabilities; ``counts`` and ``mask`` are ``[H, W]``."""
    assert found.probabilities is not None
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
    return Detail(
        histogram=Histogram.of(found.probabilities, mask),
        sweep=sweep_frame(found.probabilities, mask),
        areas=np.bincount(labels.ravel())[1:].astype(np.float64),
        contrasts=target_contrasts(counts, mask),
        detected=detected_targets(found.mask, mask),
        prediction=np.packbits(found.mask),
    )


class Study:
    """All frames together; histograms are summed at once, as each takes a megabyte."""

    def __init__(self) -> None:
        self.histogram, self.sweep = Histogram.empty(), Sweep.empty()
        self._predictions: dict[str, NDArray[np.uint8]] = {}
        self._targets: list[NDArray[np.float64]] = []  # [K, 3]: area, contrast, detected

    def add(self, name: str, detail: Detail) -> None:
        """Take one frame in."""
        self.histogram += detail.histogram
        self.sweep += detail.sweep
        self._predictions[name] = detail.prediction
        self._targets.append(np.stack([detail.areas, detail.contrasts, detail.detected], axis=1))

    def prediction(self, name: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """``[H, W]`` of a frame taken in."""
        height, width = shape
        return np.unpackbits(self._predictions[name], count=height * width).reshape(shape).astype(np.bool_)

    def targets(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Areas, contrasts and whether detected, ``[K]`` each, of the true targets of all frames."""
        areas, contrasts, detected = np.concatenate(self._targets).T
        return areas, contrasts, detected > 0
