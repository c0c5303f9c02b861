"""Does the served graph give what PyTorch gives? Compared through the very code that serves.

In float32 every probability is compared. Float16 rounds, so that there it is the targets that count: the masks are
scored as a test set is, with PyTorch's masks for the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from export.onnx.graph import Precision, Served
from model.network.checkpoint import Checkpoint
from model.scoring.metrics import Counts, Scores, count_frame, score
from service.detection.targets import Found, Selection, find_targets
from service.detection.windows import rounded_up
from service.runtime import Runtime
from service.runtime.card import Card

TOLERANCE: Final = 1e-4
CENTROID_TOLERANCE: Final = 0.01  # pixels
MIN_IOU: Final = 0.99  # of fp16 masks with PyTorch's; a pixel at the threshold may fall to either side
MIN_PD: Final = 0.99
MAX_FA: Final = 10.0  # pixels per million, by identity
BATCHES: Final = (1, 3)
SIZES: Final = ((1, 1), (96, 40), (72, 168), (256, 256))  # height and width, before both become multiples of the stride


@dataclass(frozen=True, slots=True)
class Comparison:
    """One batch of one size, ONNX Runtime against PyTorch.

    Attributes:
        difference: greatest distance of two probabilities; infinite if the shapes differ, NaN if one is no number.
        targets: number found by PyTorch.
        targets_agree: both find the same targets, area for area, centroids within 0.01 px.
        counts: of the served masks, with PyTorch's for the truth.
    """

    batch: int
    height: int
    width: int
    difference: float
    targets: int
    targets_agree: bool
    counts: Counts

    def passed(self, precision: Precision) -> bool:
        """Whether this batch alone is no reason to refuse the file."""
        if precision == "fp16":
            return bool(np.isfinite(self.difference))
        return self.difference <= TOLERANCE and self.targets_agree


def agreement(comparisons: Sequence[Comparison]) -> Scores:
    """Scores of all served masks together, with PyTorch's for the truth."""
    return score(comparison.counts for comparison in comparisons)


def agree(comparisons: Sequence[Comparison], precision: Precision) -> bool:
    """Whether the file may be served: ``fp32`` by every batch, ``fp16`` by the scores of all of them too.

    A score is NaN where neither side finds a target anywhere, which is no disagreement.
    """
    scores = agreement(comparisons)
    within = not (scores.iou < MIN_IOU or scores.pd < MIN_PD or scores.fa_identity > MAX_FA)
    return all(comparison.passed(precision) for comparison in comparisons) and (precision == "fp32" or within)


def verify(runtime: Runtime, checkpoint: Checkpoint) -> list[Comparison]:
    """Compare on the smallest size, a tall one, a wide one and a large one, by two batch sizes."""
    served, stride = Served(checkpoint).eval(), runtime.card.stride
    sizes = [tuple(rounded_up(side, stride) for side in size) for size in SIZES]
    return [_compare(runtime, served, scenes(batch, height, width)) for height, width in sizes for batch in BATCHES]


def scenes(batch: int, height: int, width: int) -> NDArray[np.float32]:
    """``[N, 1, H, W]`` intensities: sloping backgrounds with noise and small bright targets, always the same."""
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


def _compare(runtime: Runtime, served: Served, intensities: NDArray[np.float32]) -> Comparison:
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
    """Same targets in whatever order: equal confidence may swap neighbours."""
    a, b = (sorted(found.targets, key=lambda t: (t.bbox.y, t.bbox.x)) for found in (first, second))
    return len(a) == len(b) and all(
        one.area == other.area
        and abs(one.centroid.x - other.centroid.x) <= CENTROID_TOLERANCE
        and abs(one.centroid.y - other.centroid.y) <= CENTROID_TOLERANCE
        for one, other in zip(a, b, strict=True)
    )
