"""The engine: limits and threads that all requests share. ``request.py`` shows what happens to one request."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import numpy as np

from service.detection.detector import Detector
from service.engine.admission import Admission, Places
from service.engine.batching import Queue
from service.engine.request import LATE, Key, ReadAhead, Request, Shared, Tensor, Work
from service.engine.warm_up import warm_up
from service.engine.worker import Worker
from service.errors import Reason, ServiceError
from service.frames import Budget
from service.observability.metrics import Metrics
from service.observability.timing import Timing
from service.runtime import DeviceLost
from service.runtime.cpus import available_cpus
from service.settings import Settings

A = TypeVar("A")
READ_AHEAD: Final = 1 << 25  # pixels: 64 frames of 640x512, more than any batch


class Engine:
    """One thread for the device, and a bounded number of threads for requests.

    A request keeps its thread while it waits for the device. So there are threads for two full batches, one that runs
    and one that is read meanwhile. Further requests wait for a thread in the order of their arrival.

    Args:
        on_device_lost: called in the device's thread, with the reason, when no run can succeed any more.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, on_device_lost: Callable[[str], object] = lambda _: None
    ) -> None:
        self._on_device_lost = on_device_lost
        self._max_batch = settings.max_batch
        self.admission = Admission(settings.queue_size, time.monotonic)
        cpus = available_cpus()
        self._threads = ThreadPoolExecutor(cpus + 2 * settings.max_batch, "request")
        queue: Queue[Key, Tensor, Tensor] = Queue(settings.max_batch, lambda key: key[0].runtime.batch_pixels)
        self._worker: Worker[Key, Tensor, Tensor] = Worker(
            self._infer, queue, time.monotonic, metrics.batch_frames.observe
        )
        self._shared = Shared(settings, metrics, ReadAhead(cpus, READ_AHEAD), self._worker)
        self._running: set[Request[Any]] = set()

    @property
    def running_since(self) -> float | None:
        """time.monotonic when the current run of the device began; None while the device is idle."""
        return self._worker.running_since

    @property
    def is_stuck(self) -> bool:
        """After ``close``: a thread may never end."""
        return self.running_since is not None or bool(self._running)

    def close(self, within_s: float | None = None) -> None:
        """Finish what was accepted. A run that takes longer is left behind."""
        self._worker.close(within_s)
        self._threads.shutdown(wait=within_s is None, cancel_futures=True)

    def warm_up(self, detectors: Sequence[Detector]) -> None:
        """Run what the first requests would otherwise wait for, in the device's thread."""
        warm_up(detectors, self._max_batch, self._worker.submit)

    async def answer(self, read: Callable[[Budget], Work[A]], places: Places, timing: Timing, latest: float) -> A:
        """The answer to one request.

        Args:
            read: reads its frames; called in a thread.
            latest: time.monotonic of the deadline. The plan of the work may have an earlier one.

        Raises:
            ServiceError: what reading or answering raises, a limit, or the deadline.
        """
        timing.begin()
        request = Request(self._shared, read, places, timing, latest)
        try:
            async with asyncio.timeout(latest - time.monotonic()):
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, request)
        except TimeoutError:
            raise ServiceError(Reason.DEADLINE_EXCEEDED, LATE) from None
        finally:
            request.end()
            self._observe(timing)

    def _run(self, request: Request[A]) -> A:
        self._running.add(request)
        try:
            return request.run()
        finally:
            self._running.discard(request)

    def _infer(self, key: Key, tensors: Sequence[Tensor]) -> Iterable[Tensor]:
        """One batch of one model and one shape, in the device's thread."""
        stack = tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
        try:
            return key[0].runtime.probabilities(stack)
        except DeviceLost as lost:
            self._on_device_lost(str(lost))
            raise ServiceError(Reason.NOT_READY, "the device is lost; this process ends", retry_after_s=1) from lost

    def _observe(self, timing: Timing) -> None:
        for stage, histogram in self._shared.metrics.stages.items():
            if (milliseconds := timing.stages.get(stage)) is not None:
                histogram.observe(milliseconds / 1e3)
