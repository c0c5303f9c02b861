"""Everything between a request's frames and its answer, free of HTTP: admitted, read, batched, answered."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import numpy as np

from service.detection.detector import Detection, Detector
from service.engine.admission import Admission, Pass
from service.engine.batching import Caller, Done, Queue, Worker
from service.engine.orders import Order, Tensor, Work
from service.engine.pool import Pool
from service.engine.readahead import ReadAhead
from service.engine.request import Errand
from service.engine.warm_up import warm_up
from service.errors import Reason, ServiceError
from service.frames import Budget
from service.observability.metrics import Metrics as Telemetry
from service.observability.timing import Timing
from service.runtime import DeviceLost
from service.runtime.cpus import available_cpus
from service.settings import Settings

A = TypeVar("A")
Key = tuple[Detector, tuple[int, ...]]
READ_AHEAD: Final = 1 << 25  # pixels: 64 frames of 640x512, more than any batch


class Engine:
    """The stages and the threads they run in: one for the device, one a CPU for all else.

    Args:
        on_device_lost: told why, in the device's thread, when no run will succeed any more.
    """

    def __init__(
        self, settings: Settings, telemetry: Telemetry, on_device_lost: Callable[[str], object] = lambda _: None
    ) -> None:
        self._settings, self._telemetry, self._on_device_lost = settings, telemetry, on_device_lost
        self.admission = Admission(settings.queue_size, time.monotonic)
        threads = available_cpus()
        self._pool = Pool(threads, "frames")
        self._ahead = ReadAhead(self._pool.submit, threads, READ_AHEAD)
        queue: Queue[Key, Tensor, Tensor] = Queue(settings.max_batch, lambda key: key[0].runtime.batch_pixels)
        self._worker: Worker[Key, Tensor, Tensor] = Worker(
            self._run, queue, time.monotonic, telemetry.batch_frames.observe
        )

    @property
    def running_since(self) -> float | None:
        """time.monotonic when the run that is on the device began; None where none is."""
        return self._worker.running_since

    def close(self, within_s: float | None = None) -> None:
        """Finish what was accepted; a run that takes longer is left behind."""
        if self._worker.close(within_s):
            self._pool.close(within_s)

    def warm_up(self, detectors: Sequence[Detector]) -> None:
        """Run what first requests would wait for, in the device's thread; returns when that is done."""

        def submit(detector: Detector, tensor: Tensor, callers: Sequence[Caller[Tensor, Tensor]]) -> None:
            self._worker.submit_together((detector, tensor.shape), tensor.size, float("inf"), callers)

        warm_up(detectors, self._settings.max_batch, submit)

    async def answer(self, read: Callable[[Budget], Work[A]], places: Pass, timing: Timing, latest: float) -> A:
        """The answer to a request.

        Args:
            read: makes the work of its bytes, off the event loop.
            latest: time.monotonic at which nobody waits any more; the work may turn out to be due earlier.

        Raises:
            ServiceError: what ``read`` or the work raises, a limit, or the deadline.
        """

        def read_admitted() -> Work[A]:
            work = read(Budget(self._settings.max_frames, self._settings.max_pixels))
            self._admit(work, places)
            return work

        def answer(work: Work[A], probabilities: Sequence[Tensor]) -> A:
            made = work.answer(probabilities, lambda: self._detect(work, probabilities), timing)
            self._telemetry.frames_ok.inc(len(probabilities))
            return made

        try:
            return await Errand(
                self._pool, self._ahead, read_admitted, self._infer, self._infer_here, answer, latest, timing
            ).run()
        finally:
            self._observe(timing)

    def _admit(self, work: Work[object], places: Pass) -> None:
        if work.unreadable:
            self._telemetry.frames_error.inc(work.unreadable)
        places.hold(len(work.ready))

    def _infer(self, order: Order, tensor: Tensor, caller: Caller[Tensor, Tensor]) -> None:
        self._worker.submit((order.detector, tensor.shape), tensor.size, order.deadline, caller)

    def _infer_here(self, order: Order, tensor: Tensor) -> Done[Tensor] | None:
        """While nobody else is inside: two hand-overs less are a sixth of what a request costs beside its frame."""
        if self.admission.inside > 1 or not order.detector.runtime.runs_in_any_thread:
            return None
        return self._worker.run_here((order.detector, tensor.shape), tensor, tensor.size)

    def _run(self, key: Key, tensors: Sequence[Tensor]) -> Iterable[Tensor]:
        """One batch of one model and one size."""
        stack = tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
        try:
            return key[0].runtime.probabilities(stack)
        except DeviceLost as lost:
            self._on_device_lost(str(lost))
            raise ServiceError(Reason.NOT_READY, "the device is lost; this process ends", retry_after_s=1) from lost

    def _detect(self, work: Work[object], probabilities: Sequence[Tensor]) -> list[Detection]:
        order = work.order
        found = [
            order.detector.finish(one, answer, order.options)
            for one, answer in zip(work.ready, probabilities, strict=True)
        ]
        confidences = [target.confidence for detection in found for target in detection.found.targets]
        self._telemetry.targets.inc(len(confidences))
        for confidence in confidences:
            self._telemetry.target_confidence.observe(confidence)
        return found

    def _observe(self, timing: Timing) -> None:
        for stage, histogram in self._telemetry.stages.items():
            milliseconds = timing.stages.get(stage)
            if milliseconds is not None:
                histogram.observe(milliseconds / 1e3)
