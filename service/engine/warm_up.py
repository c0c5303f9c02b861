"""Runs that nobody waits for, so that the first that somebody does are no slower than the rest.

On CUDA the first run of each shape looks for its kernels, and the next ones are captured as a graph.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Final

import numpy as np

from service.detection.detector import Detector
from service.detection.windows import windows_of
from service.engine.batching import Done
from service.engine.orders import Tensor

USUAL: Final = ((256, 256), (512, 640))  # height, width; large batches of larger frames would hold gigabytes
WITHIN_S: Final = 60.0  # a batch; a worker that has been closed meanwhile runs none
RUNS: Final = 3  # kernels are chosen, the graph is captured, the graph runs

logger = logging.getLogger(__name__)


class Watched:
    """A caller that is told of each of several jobs that do the same.

    Args:
        work: of each job.
        jobs: how many.
    """

    def __init__(self, work: Tensor, jobs: int) -> None:
        self.work, self._left = work, jobs
        self.end: Future[None] = Future()

    def keep(self, _: Done[Tensor], /) -> None:
        self._count()

    def lose(self, fault: Exception, /) -> None:
        logger.warning("a run to warm up failed: %s", fault)
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if not self._left:
            self.end.set_result(None)


def warm_up(
    detectors: Sequence[Detector],
    max_batch: int,
    submit: Callable[[Detector, Tensor, Sequence[Watched]], object],
) -> None:
    """Run the usual frames in batches of every power of two; on a CPU there is nothing to gain.

    Args:
        submit: has a model run this as often as there are callers, together, in the device's thread.

    Raises:
        TimeoutError: a batch that takes for ever.
    """
    began = time.monotonic()
    cold = [detector for detector in detectors if not detector.runtime.runs_in_any_thread]
    for detector in cold:
        for tensor, number in batches(detector, max_batch):
            for _ in range(RUNS):
                watched = Watched(tensor, number)
                submit(detector, tensor, [watched] * number)
                watched.end.result(WITHIN_S)
    if cold:
        logger.info("warmed up in %.1f s", time.monotonic() - began)


def batches(detector: Detector, max_batch: int) -> Iterator[tuple[Tensor, int]]:
    """An input ``[1, 1, H, W]`` of each usual size, with every number of them that a batch is filled up to."""
    for height, width in USUAL:
        window = windows_of(height, width, detector.runtime.card.stride)[0]
        tensor = window.cut(np.zeros((height, width), np.float32))
        most = max(min(max_batch, detector.runtime.batch_pixels // tensor.size), 1)
        for exponent in range((most - 1).bit_length() + 1):
            yield tensor, min(2**exponent, most)
