"""Details of an evaluation that a report shows in addition to the scores, collected frame by frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from export.evaluation.contrast import target_contrasts
from export.evaluation.source import FrameAnswer
from model.scoring.curves import Histogram
from model.scoring.metrics import detected_targets
from model.scoring.objects import EIGHT_CONNECTED
from model.scoring.sweep import Sweep, sweep_frame


@dataclass(frozen=True, slots=True)
class FrameDetails:
    """Details of one frame.

    Attributes:
        histogram: target and background pixels by probability.
        sweep: detections and false alarms by threshold.
        areas, contrasts, detected: ``[K]``, of the true targets: area in pixels, signal-to-clutter ratio, whether
            detected.
        prediction: the predicted mask, packed by ``np.packbits``.
    """

    histogram: Histogram
    sweep: Sweep
    areas: NDArray[np.float64]
    contrasts: NDArray[np.float64]
    detected: NDArray[np.bool_]
    prediction: NDArray[np.uint8]


def examine(answer: FrameAnswer, counts: NDArray[np.generic], mask: NDArray[np.bool_]) -> FrameDetails:
    """Details of an answer that includes probabilities; ``counts`` and ``mask`` are ``[H, W]``."""
    assert answer.probabilities is not None
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
    return FrameDetails(
        histogram=Histogram.of(answer.probabilities, mask),
        sweep=sweep_frame(answer.probabilities, mask),
        areas=np.bincount(labels.ravel())[1:].astype(np.float64),
        contrasts=target_contrasts(counts, mask),
        detected=detected_targets(answer.mask, mask),
        prediction=np.packbits(answer.mask),
    )


class Details:
    """Details of all frames together. Histograms are summed as they arrive, since each takes a megabyte."""

    def __init__(self) -> None:
        self.histogram, self.sweep = Histogram.empty(), Sweep.empty()
        self._predictions: dict[str, NDArray[np.uint8]] = {}
        self._targets: list[NDArray[np.float64]] = []  # [K, 3]: area, contrast, detected

    def add(self, name: str, detail: FrameDetails) -> None:
        """Add the details of one frame."""
        self.histogram += detail.histogram
        self.sweep += detail.sweep
        self._predictions[name] = detail.prediction
        self._targets.append(np.stack([detail.areas, detail.contrasts, detail.detected], axis=1))

    def prediction(self, name: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Predicted mask ``[H, W]`` of a frame that was added."""
        height, width = shape
        return np.unpackbits(self._predictions[name], count=height * width).reshape(shape).astype(np.bool_)

    def targets(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Area, contrast and whether detected, ``[K]`` each, of the true targets of all frames."""
        areas, contrasts, detected = np.concatenate(self._targets).T
        return areas, contrasts, detected > 0
