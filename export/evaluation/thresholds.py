"""Evaluates a model file at several decision thresholds. The network sees each frame once."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from export.evaluation.evaluate import FrameResult, frame_result
from export.evaluation.grid import Grid, frame_on_grid
from export.evaluation.source import MAX_TARGETS, FileSource, SourceError, answer_of
from model.data.dataset import FrameFolder
from service.detection.targets import Selection, find_targets
from service.runtime.card import UNCALIBRATED


def evaluate_at(
    source: FileSource, folder: FrameFolder, thresholds: Sequence[float]
) -> Iterator[tuple[FrameResult, ...]]:
    """Evaluate every frame of the split on the native grid.

    Yields:
        The results of one frame, one for each of ``thresholds``. Confidences are peak probabilities.

    Raises:
        SourceError, DataError: a frame cannot be read or the model gives no answer for it.
    """
    with ThreadPoolExecutor(source.concurrency) as pool:
        try:
            yield from pool.map(lambda name: _evaluate_frame(source, folder, name, thresholds), folder.names)
        finally:
            pool.shutdown(cancel_futures=True)


def _evaluate_frame(
    source: FileSource, folder: FrameFolder, name: str, thresholds: Sequence[float]
) -> tuple[FrameResult, ...]:
    mask, frame = folder.load_mask(name), frame_on_grid(folder, name, Grid.NATIVE)
    try:
        probabilities = source.find(frame, probabilities=True).probabilities
    except SourceError as fault:
        raise SourceError(f"{name}: {fault}") from fault
    if probabilities is None or probabilities.shape != mask.shape:
        raise SourceError(f"{name}: the frame and its mask of {mask.shape} pixels differ in size")
    return tuple(_at(threshold, name, probabilities, mask) for threshold in thresholds)


def _at(threshold: float, name: str, probabilities: NDArray[np.float32], mask: NDArray[np.bool_]) -> FrameResult:
    selection = Selection(threshold, min_confidence=0.0, min_area=1, max_targets=MAX_TARGETS)
    return frame_result(name, answer_of(find_targets(probabilities, UNCALIBRATED, selection)), mask)
