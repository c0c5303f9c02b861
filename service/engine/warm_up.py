"""Runs before the service is ready, so that the first requests are as fast as later ones.

On CUDA the first run of each shape chooses its kernels, and the next ones are captured as a graph.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from typing import Final

import numpy as np

from service.detection.detector import Detector
from service.detection.windows import windows_of
from service.engine.batching import Job
from service.engine.work import Key, Tensor

USUAL: Final = ((256, 256), (512, 640))  # height, width; large batches of larger frames would hold gigabytes
WITHIN_S: Final = 60.0  # for a batch; a worker that was closed in the meantime runs none
RUNS: Final = 3  # the first chooses kernels, the second captures the graph, the third runs the graph

logger = logging.getLogger(__name__)


def warm_up(
    detectors: Sequence[Detector], max_batch: int, submit: Callable[[Sequence[Job[Key, Tensor, Tensor]]], object]
) -> None:
    """Run frames of the usual sizes in every batch size that the runtime pads to. The CPU gains nothing from it.

    Args:
        submit: queues jobs for the device.

    Raises:
        TimeoutError: a batch does not end.
    """
    began = time.monotonic()
    cold = [detector for detector in detectors if detector.runtime.needs_warm_up]
    for detector in cold:
        for tensor, number in batches(detector, max_batch):
            for _ in range(RUNS):
                _run(detector, tensor, number, submit)
    if cold:
        logger.info("warmed up in %.1f s", time.monotonic() - began)


def batches(detector: Detector, max_batch: int) -> Iterator[tuple[Tensor, int]]:
    """An input ``[1, 1, H, W]`` of each usual size, with every batch size that the runtime pads to."""
    for height, width in USUAL:
        window = windows_of(height, width, detector.runtime.card.stride)[0]
        tensor = window.cut(np.zeros((height, width), np.float32))
        most = max(min(max_batch, detector.runtime.batch_pixels // tensor.size), 1)
        for exponent in range((most - 1).bit_length() + 1):
            yield tensor, min(2**exponent, most)


def _run(
    detector: Detector, tensor: Tensor, number: int, submit: Callable[[Sequence[Job[Key, Tensor, Tensor]]], object]
) -> None:
    key, now, never = (detector, tensor.shape), time.monotonic(), float("inf")
    jobs: list[Job[Key, Tensor, Tensor]] = [Job(key, tensor, tensor.size, now, never) for _ in range(number)]
    submit(jobs)
    done, late = wait([job.end for job in jobs], WITHIN_S)
    if late:
        raise TimeoutError(f"a run to warm up did not end within {WITHIN_S:.0f} s")
    for reason in {str(fault) for end in done if (fault := end.exception()) is not None}:
        logger.warning("a run to warm up failed: %s", reason)
