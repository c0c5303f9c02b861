"""Scores of what is really served, on a folder of frames and masks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.grid import Grid, frame_on_grid, mask_on_grid
from export.source import Source
from model.data import FrameFolder
from model.metrics import Counts, claimed_objects, count_frame
from service.cpus import available_cpus


@dataclass(frozen=True, slots=True)
class FrameResult:
    """One frame: its counts, and of every target found whether a true one claims it.

    Attributes:
        confidences: ``[T]``.
        real: ``[T]``.
    """

    name: str
    counts: Counts
    confidences: NDArray[np.float64]
    real: NDArray[np.bool_]


def evaluate(source: Source, folder: FrameFolder, grid: Grid) -> Iterator[FrameResult]:
    """Answer every frame of the split, in its order.

    Raises:
        SourceError, DataError: a frame that cannot be answered or read.
    """
    with ThreadPoolExecutor(available_cpus()) as pool:
        try:
            yield from pool.map(lambda name: _evaluate_frame(source, folder, name, grid), folder.names)
        finally:
            pool.shutdown(cancel_futures=True)


def _evaluate_frame(source: Source, folder: FrameFolder, name: str, grid: Grid) -> FrameResult:
    mask = mask_on_grid(folder.load(name).mask, grid)
    found = source.find(frame_on_grid(folder, name, grid))
    claimed = claimed_objects(found.mask, mask)
    return FrameResult(
        name=name,
        counts=count_frame(found.mask, mask),
        confidences=np.array(found.confidences, np.float64),
        real=np.array([claimed[y, x] for x, y in found.peaks], np.bool_),
    )
