"""Scores of what is really served, on a folder of frames and masks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.evaluation.details import Detail, examine
from export.evaluation.grid import Grid, counts_on_grid, frame_on_grid, mask_on_grid
from export.evaluation.retry import Patience
from export.evaluation.source import Source, SourceError
from model.data.dataset import FrameFolder
from model.scoring.metrics import Counts, claimed_objects, count_frame


@dataclass(frozen=True, slots=True)
class FrameResult:
    """One frame: its counts, and of every target found whether a true one claims it.

    Attributes:
        confidences: ``[T]``.
        real: ``[T]``.
        detail: what a report needs, where it was asked for.
    """

    name: str
    counts: Counts
    confidences: NDArray[np.float64]
    real: NDArray[np.bool_]
    detail: Detail | None = None


def evaluate(source: Source, folder: FrameFolder, grid: Grid, in_detail: bool = False) -> Iterator[FrameResult]:
    """Answer every frame of the split, in its order; counting runs in threads beside inference.

    A source that is busy is asked again, a bounded number of times.

    Raises:
        SourceError, DataError: a frame that cannot be answered or read.
    """
    patience = Patience()
    with ThreadPoolExecutor(source.at_once) as pool:
        try:
            yield from pool.map(
                lambda name: _evaluate_frame(source, patience, folder, name, grid, in_detail), folder.names
            )
        finally:
            patience.end()  # what is given up keeps nobody waiting
            pool.shutdown(cancel_futures=True)


def _evaluate_frame(
    source: Source, patience: Patience, folder: FrameFolder, name: str, grid: Grid, in_detail: bool
) -> FrameResult:
    mask, frame = mask_on_grid(folder.load_mask(name), grid), frame_on_grid(folder, name, grid)
    try:
        found = patience.find(source, frame, in_detail)
    except SourceError as fault:
        raise SourceError(f"{name}: {fault}") from fault
    for answered in (found.mask, found.probabilities):
        if answered is not None and answered.shape != mask.shape:
            raise SourceError(f"{name}: {source.name} answers a mask of {answered.shape}, the frame is {mask.shape}")
    claimed = claimed_objects(found.mask, mask)
    return FrameResult(
        name=name,
        counts=count_frame(found.mask, mask),
        confidences=np.array(found.confidences, np.float64),
        real=np.array([claimed[y, x] for x, y in found.peaks], np.bool_),
        detail=examine(found, counts_on_grid(folder.load(name).counts, grid), mask) if in_detail else None,
    )
