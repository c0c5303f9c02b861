"""Compares a model file with PyTorch. The file runs in the same runtime code that serves it.

In float32 every probability is compared. Float16 rounds, so the masks are compared instead: they are scored like a
test set, with PyTorch's masks as ground truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from export.onnx.graph import Precision, ServedNetwork
from model.network.checkpoint import Checkpoint
from model.scoring.metrics import Counts, Scores, count_frame, score
from service.detection.targets import Found, Selection, find_targets
from service.detection.windows import rounded_up
from service.runtime import Runtime
from service.runtime.card import Card

TOLERANCE: Final = 1e-4
CENTROID_TOLERANCE: Final = 0.01  # pixels
MIN_IOU: Final = 0.99  # of fp16 masks with PyTorch's; a pixel close to the threshold may fall on either side of it
MIN_PD: Final = 0.99
MAX_FA: Final = 10.0  # pixels per million, counted by identity
BATCHES: Final = (1, 3)
SIZES: Final = ((1, 1), (96, 40), (72, 168), (256, 256))  # height and width, before rounding up to the stride


@dataclass(frozen=True, slots=True)
class Comparison:
    """One batch of one size, ONNX Runtime against PyTorch.

    Attributes:
        difference: largest absolute difference of two probabilities; infinite if the shapes differ, NaN if one
            probability is NaN.
        targets: number of targets that PyTorch finds.
        targets_agree: both find the same targets, with equal areas and with centroids within 0.01 px.
        counts: counts of the served masks against PyTorch's masks.
    """

    batch: int
    height: int
    width: int
    difference: float
    targets: int
    targets_agree: bool
    counts: Counts

    def passed(self, precision: Precision) -> bool:
        """Whether this batch passes. In fp16 a batch only needs finite probabilities; ``agree`` checks the rest."""
        if precision == "fp16":
            return bool(np.isfinite(self.difference))
        return self.difference <= TOLERANCE and self.targets_agree


def agreement(comparisons: Sequence[Comparison]) -> Scores:
    """Scores of all served masks together, with PyTorch's masks as ground truth."""
    return score(comparison.counts for comparison in comparisons)


def agree(comparisons: Sequence[Comparison], precision: Precision) -> bool:
    """Whether the file may be served: every batch passes and, in ``fp16``, the scores of all batches are good enough.

    A score is NaN if neither side finds a target in any frame. This counts as agreement.
    """
    scores = agreement(comparisons)
    within = not (scores.iou < MIN_IOU or scores.pd < MIN_PD or scores.fa_identity > MAX_FA)
    return all(comparison.passed(precision) for comparison in comparisons) and (precision == "fp32" or within)


def verify(runtime: Runtime, checkpoint: Checkpoint) -> list[Comparison]:
    """Compare on four sizes (smallest, tall, wide and large) with two batch sizes each.

    A network that pools over windows is also compared on a frame of several windows.
    """
    served, stride = ServedNetwork(checkpoint).eval(), runtime.card.stride
    window = checkpoint.record.network.pool_window
    of_windows = [] if window is None else [(window + stride, 2 * window - stride)]
    sizes = [tuple(rounded_up(side, stride) for side in size) for size in (*SIZES, *of_windows)]
    return [
        _compare(runtime, served, comparison_frames(batch, height, width))
        for height, width in sizes
        for batch in BATCHES
    ]


def comparison_frames(batch: int, height: int, width: int) -> NDArray[np.float32]:
    """``[N, 1, H, W]`` intensities: backgrounds with a slope, noise and small bright targets, always the same."""
    rng = np.random.default_rng([batch, height, width])
    y, x = np.mgrid[0:height, 0:width]
    slope = rng.uniform(-0.3, 0.3, (batch, 2, 1, 1))
    frames = 90 + slope[:, 0] * y + slope[:, 1] * x + rng.normal(0, 4, (batch, height, width))
    for frame in frames:
        for _ in range(max(1, height * width // 4000)):
            row, column = rng.uniform(0, height), rng.uniform(0, width)
            frame += rng.uniform(40, 140) * np.exp(-((y - row) ** 2 + (x - column) ** 2) / rng.uniform(1, 5))
    intensities: NDArray[np.float32] = np.clip(frames, 0, 255).astype(np.float32)[:, None]
    return intensities


def _compare(runtime: Runtime, served: ServedNetwork, intensities: NDArray[np.float32]) -> Comparison:
    with torch.no_grad():
        expected = served(torch.from_numpy(intensities)).numpy()
    answer = runtime.probabilities(intensities)
    same_shape = answer.shape == expected.shape
    pairs = [
        (_targets(a, runtime.card), _targets(b, runtime.card))
        for a, b in zip(expected[:, 0], answer[:, 0], strict=False)
    ]
    return Comparison(
        batch=intensities.shape[0],
        height=intensities.shape[2],
        width=intensities.shape[3],
        difference=float(np.abs(answer - expected).max()) if same_shape else float("inf"),
        targets=sum(len(found.targets) for found, _ in pairs),
        targets_agree=same_shape and all(_same_targets(a, b) for a, b in pairs),
        counts=sum((count_frame(b.mask, a.mask) for a, b in pairs if same_shape), Counts()),
    )


def _targets(probabilities: NDArray[np.float32], card: Card) -> Found:
    return find_targets(probabilities, card.calibration, Selection(card.threshold, 0.0, 1, probabilities.size))


def _same_targets(first: Found, second: Found) -> bool:
    """Whether both hold the same targets. The order is ignored: targets of equal confidence may swap places."""
    a, b = (sorted(found.targets, key=lambda t: (t.bbox.y, t.bbox.x)) for found in (first, second))
    return len(a) == len(b) and all(
        one.area == other.area
        and abs(one.centroid.x - other.centroid.x) <= CENTROID_TOLERANCE
        and abs(one.centroid.y - other.centroid.y) <= CENTROID_TOLERANCE
        for one, other in zip(a, b, strict=True)
    )
