"""Evaluates a model file or a running service on a folder of frames and masks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.evaluation.details import FrameDetails, examine
from export.evaluation.grid import Grid, counts_on_grid, frame_on_grid, mask_on_grid
from export.evaluation.retry import Retry
from export.evaluation.source import Source, SourceError
from model.data.dataset import FrameFolder
from model.scoring.metrics import Counts, claimed_objects, count_frame


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The result of one frame.

    Attributes:
        name: the frame's name.
        counts: counts for the scores.
        confidences: ``[T]``, of the predicted targets, 0..1.
        real: ``[T]``, whether a true target claims the predicted one.
        detail: details for a report, if they were requested.
    """

    name: str
    counts: Counts
    confidences: NDArray[np.float64]
    real: NDArray[np.bool_]
    detail: FrameDetails | None = None


def evaluate(source: Source, folder: FrameFolder, grid: Grid, with_details: bool = False) -> Iterator[FrameResult]:
    """Evaluate every frame of the split and yield the results in its order.

    Threads decode and count while others infer. If the source is busy, a frame is retried a bounded number of times.

    Raises:
        SourceError, DataError: the source gives no answer for a frame, or a frame cannot be read.
    """
    retry = Retry()
    with ThreadPoolExecutor(source.concurrency) as pool:
        try:
            yield from pool.map(
                lambda name: _evaluate_frame(source, retry, folder, name, grid, with_details), folder.names
            )
        finally:
            retry.cancel()  # if the caller stops early, no thread keeps waiting for a busy source
            pool.shutdown(cancel_futures=True)


def _evaluate_frame(
    source: Source, retry: Retry, folder: FrameFolder, name: str, grid: Grid, with_details: bool
) -> FrameResult:
    mask, frame = mask_on_grid(folder.load_mask(name), grid), frame_on_grid(folder, name, grid)
    try:
        answer = retry.find(source, frame, with_details)
    except SourceError as fault:
        raise SourceError(f"{name}: {fault}") from fault
    for plane in (answer.mask, answer.probabilities):
        if plane is not None and plane.shape != mask.shape:
            raise SourceError(f"{name}: {source.name} answers a mask of {plane.shape}, the frame is {mask.shape}")
    claimed = claimed_objects(answer.mask, mask)
    return FrameResult(
        name=name,
        counts=count_frame(answer.mask, mask),
        confidences=np.array(answer.confidences, np.float64),
        real=np.array([claimed[y, x] for x, y in answer.peaks], np.bool_),
        detail=examine(answer, counts_on_grid(folder.load(name).counts, grid), mask) if with_details else None,
    )
