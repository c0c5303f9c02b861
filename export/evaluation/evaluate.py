"""Evaluates a model file, a running service or predicted masks on a folder of frames and masks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from export.evaluation.details import FrameDetails, examine
from export.evaluation.grid import Grid, counts_on_grid, frame_on_grid, mask_on_grid
from export.evaluation.predictions import Predictions
from export.evaluation.source import FrameAnswer, Source, SourceError
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
        prediction: the predicted mask, packed by ``np.packbits``, if it was requested.
    """

    name: str
    counts: Counts
    confidences: NDArray[np.float64]
    real: NDArray[np.bool_]
    detail: FrameDetails | None = None
    prediction: NDArray[np.uint8] | None = None

    def mask(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Predicted mask ``[H, W]``, if it was kept."""
        assert self.prediction is not None
        height, width = shape
        return np.unpackbits(self.prediction, count=height * width).reshape(shape).astype(np.bool_)


def evaluate(
    source: Source, folder: FrameFolder, grid: Grid, with_details: bool = False, keep_masks: bool = False
) -> Iterator[FrameResult]:
    """Evaluate every frame of the split and yield the results in its order.

    Threads decode and count while others infer. The source is closed at the end.

    Raises:
        SourceError, DataError: the source gives no answer for a frame, or a frame cannot be read.
    """

    def answer(name: str) -> FrameAnswer:
        return source.find(frame_on_grid(folder, name, grid), with_details)

    with ThreadPoolExecutor(source.concurrency) as pool:
        try:
            yield from pool.map(
                lambda name: _evaluate_frame(source.name, answer, folder, name, grid, with_details, keep_masks),
                folder.names,
            )
        finally:
            source.cancel()  # if the caller stops early, no thread keeps waiting for a busy source
            pool.shutdown(cancel_futures=True)
            source.close()


def evaluate_predictions(
    predictions: Predictions, folder: FrameFolder, grid: Grid, keep_masks: bool = False
) -> Iterator[FrameResult]:
    """Evaluate predicted masks of every frame of the split and yield the results in its order.

    Raises:
        SourceError, DataError: a prediction or a mask cannot be read, or their sizes differ.
    """

    def answer(name: str) -> FrameAnswer:
        height, width = folder.load_mask(name).shape
        found = predictions.mask_of(name, (height, width))
        if found.mask.shape != (height, width):
            raise SourceError(f"the predicted mask is {found.mask.shape}, the frame is {(height, width)}")
        if grid is Grid.NATIVE:
            return found
        return FrameAnswer(mask_on_grid(found.mask, grid), (), ())  # places of peaks belong to the frame's own pixels

    for name in folder.names:
        yield _evaluate_frame(predictions.name, answer, folder, name, grid, with_details=False, keep_masks=keep_masks)


def _evaluate_frame(
    who: str,
    answer_of: Callable[[str], FrameAnswer],
    folder: FrameFolder,
    name: str,
    grid: Grid,
    with_details: bool,
    keep_masks: bool,
) -> FrameResult:
    mask = mask_on_grid(folder.load_mask(name), grid)
    try:
        answer = answer_of(name)
    except SourceError as fault:
        raise SourceError(f"{name}: {fault}") from fault
    for plane in (answer.mask, answer.probabilities):
        if plane is not None and plane.shape != mask.shape:
            raise SourceError(f"{name}: {who} answers a mask of {plane.shape}, the frame is {mask.shape}")
    result = frame_result(name, answer, mask)
    return replace(
        result,
        detail=examine(answer, counts_on_grid(folder.load(name).counts, grid), mask) if with_details else None,
        prediction=np.packbits(answer.mask) if keep_masks else None,
    )


def frame_result(name: str, answer: FrameAnswer, mask: NDArray[np.bool_]) -> FrameResult:
    """Compare an answer with the true mask ``[H, W]``."""
    claimed = claimed_objects(answer.mask, mask)
    return FrameResult(
        name=name,
        counts=count_frame(answer.mask, mask),
        confidences=np.array(answer.confidences, np.float64),
        real=np.array([claimed[y, x] for x, y in answer.peaks], np.bool_),
    )
