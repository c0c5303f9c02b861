"""One request, from its bytes to its answer: read, wait for the device, infer, answer. Free of HTTP.

Everything happens in one thread, which waits while the device works. The event loop hears only of the end: each time it
wakes between two stages costs a request about 0.1 ms.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import islice
from threading import Condition
from traceback import clear_frames
from typing import Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.detection.detector import Detection, Detector, Prepared
from service.detection.options import Options
from service.engine.admission import Places
from service.engine.batching import Done, Job
from service.engine.worker import Worker
from service.errors import Reason, ServiceError
from service.frames import Budget
from service.observability.metrics import Metrics
from service.observability.timing import Timing
from service.settings import Settings

A = TypeVar("A")
Content = TypeVar("Content", covariant=True)
Tensor = NDArray[np.float32]
Key = tuple[Detector, tuple[int, ...]]
LATE: Final = "the deadline passed before every frame was answered"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which model answers a request, how, and until when; ``deadline`` is a time of ``time.monotonic``."""

    detector: Detector
    options: Options
    deadline: float


class Work(Protocol[Content]):
    """The frames of a request once they are read. Its methods run off the event loop."""

    @property
    def plan(self) -> Plan: ...

    @property
    def ready(self) -> Sequence[Prepared]: ...

    @property
    def unreadable(self) -> int:
        """How many frames could not be read."""

    def answer(
        self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]], timing: Timing
    ) -> Content:
        """Write the answer.

        Args:
            probabilities: ``[H, W]`` of each frame that is ready.
            detect: finds the targets in them.

        Raises:
            ServiceError: nothing can be sent.
        """


class ReadAhead:
    """How far reading runs ahead of the device. Frames that are read early wait all the same, and take memory.

    Args:
        threads: requests that read at the same time.
        pixels: while so many pixels are read and not yet answered, no request begins to read. One may hold more.
    """

    def __init__(self, threads: int, pixels: int) -> None:
        self._changed = Condition()
        self._free, self._pixels = threads, pixels

    def begin(self, is_over: Callable[[], bool]) -> None:
        """Wait for a turn, or until the request is over."""
        with self._changed:
            self._changed.wait_for(lambda: is_over() or (self._free > 0 and self._pixels > 0))
            self._free -= 1

    def finish(self, pixels: int) -> None:
        """The turn ends. The request holds ``pixels`` from now on."""
        with self._changed:
            self._free += 1
            self._pixels -= pixels
            self._changed.notify_all()

    def release(self, pixels: int) -> None:
        """A request that held ``pixels`` is over."""
        with self._changed:
            self._pixels += pixels
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Shared:
    """What the requests of a process share."""

    settings: Settings
    metrics: Metrics
    ahead: ReadAhead
    worker: Worker[Key, Tensor, Tensor]


@dataclass(slots=True, eq=False)
class Request(Generic[A]):
    """One request, in a thread of its own from the first stage to the last.

    Attributes:
        read: reads the frames; None once it has begun, so that nothing else keeps the body in memory.
        places: places that the admission gave to it.
        latest: time.monotonic after which nobody waits.
        is_over: nobody waits for the answer any more.
        jobs: the tensors at the device.
        pixels: of the frames that were read.
    """

    shared: Shared
    read: Callable[[Budget], Work[A]] | None
    places: Places
    timing: Timing
    latest: float
    is_over: bool = False
    jobs: Sequence[Job[Key, Tensor, Tensor]] = ()
    pixels: int = 0

    def run(self) -> A:
        """Read, infer and answer.

        Raises:
            ServiceError: what a stage raises, a limit, or the deadline.
            CancelledError: the request is over.
        """
        try:
            work = self._read_frames()
            done = self._infer(work) if self.pixels else []
            return self._answer(work, done)
        except Exception as fault:
            clear_frames(fault.__traceback__)  # the traceback must not keep the frames while the refusal is sent
            raise
        finally:
            self.shared.ahead.release(self.pixels)

    def end(self) -> None:
        """Nobody waits any more: the frames leave the queue of the device at once."""
        self.is_over, self.read = True, None
        for job in self.jobs:
            job.abandon()
        self.shared.ahead.release(0)  # wakes it if it still waits for its turn

    def _read_frames(self) -> Work[A]:
        """Bytes become tensors, in turn with other requests."""
        ahead, settings, metrics = self.shared.ahead, self.shared.settings, self.shared.metrics
        ahead.begin(lambda: self.is_over)
        try:
            read, self.read = self.read, None
            if read is None or time.monotonic() > self.latest:
                raise CancelledError
            self.timing.lap("queue")
            work = read(Budget(settings.max_frames, settings.max_pixels))
            self.timing.lap("decode")
            self.pixels = sum(tensor.size for frame in work.ready for tensor in frame.inputs)
        finally:
            ahead.finish(self.pixels)
        if work.unreadable:
            metrics.frames_error.inc(work.unreadable)
        self.places.extend_to(len(work.ready))
        return work

    def _infer(self, work: Work[A]) -> Sequence[Done[Tensor]]:
        """Hand every tensor to the device, and wait for the results."""
        detector, deadline, now = work.plan.detector, work.plan.deadline, time.monotonic()
        self.jobs = [
            Job((detector, tensor.shape), tensor, tensor.size, now, deadline)
            for frame in work.ready
            for tensor in frame.inputs
        ]
        self.shared.worker.submit(self.jobs)
        try:
            if self.is_over:  # ``end`` may have come before the jobs were there
                raise CancelledError
            done = [job.end.result(max(0.0, deadline - time.monotonic())) for job in self.jobs]
        except TimeoutError:
            raise ServiceError(Reason.DEADLINE_EXCEEDED, LATE) from None
        finally:
            for job in self.jobs:
                job.abandon()
            self.jobs = ()
        self.timing.lap_device(min(one.began for one in done), max(one.ended for one in done))
        return done

    def _answer(self, work: Work[A], done: Sequence[Done[Tensor]]) -> A:
        """Probabilities of windows become probabilities of frames, then the answer."""
        results = (one.result for one in done)
        probabilities = [frame.join(list(islice(results, len(frame.inputs)))) for frame in work.ready]
        answer = work.answer(probabilities, lambda: self._detect(work, probabilities), self.timing)
        self.timing.finish()
        self.shared.metrics.frames_ok.inc(len(probabilities))
        return answer

    def _detect(self, work: Work[A], probabilities: Sequence[Tensor]) -> list[Detection]:
        plan, metrics = work.plan, self.shared.metrics
        detections = [
            plan.detector.finish(frame, answer, plan.options)
            for frame, answer in zip(work.ready, probabilities, strict=True)
        ]
        confidences = [target.confidence for detection in detections for target in detection.found.targets]
        metrics.targets.inc(len(confidences))
        for confidence in confidences:
            metrics.target_confidence.observe(confidence)
        return detections
