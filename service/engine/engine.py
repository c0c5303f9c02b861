"""The engine: from the bytes of a request to its answer. Free of HTTP.

Read ``Request`` from top to bottom: wait for a turn, read, wait for the device, infer, answer. All of it happens in one
thread, which sleeps while the device works. The event loop is woken only at the end: each wake-up between two stages
would cost a request 0.1 ms. ``Engine`` has what all requests share: limits, threads, the device.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Condition, Lock
from traceback import clear_frames
from typing import Any, Final, Generic, TypeVar

import numpy as np

from service.detection.detector import Detection, Detector
from service.engine.admission import Admission, Places
from service.engine.backlog import Limit
from service.engine.batching import Done, Job, Queue
from service.engine.threads import Threads
from service.engine.warm_up import warm_up
from service.engine.work import Key, Tensor, Work
from service.engine.worker import Worker
from service.errors import Reason, ServiceError
from service.frames import Budget
from service.observability.metrics import Metrics
from service.observability.timing import Timing
from service.runtime import DeviceLost
from service.runtime.cpus import available_cpus
from service.settings import Settings

A = TypeVar("A")
READ_AHEAD: Final = 1 << 25  # pixels: 102 frames of 640x512, more than any batch
LATE: Final = "the deadline passed before every frame was answered"


class ReadAhead:
    """How far reading runs ahead of the device. Frames that are read early wait all the same, and take memory.

    Args:
        threads: requests that read at the same time.
        pixels: while so many pixels are read and not yet answered, no request begins to read. One may hold more.
    """

    def __init__(self, threads: int, pixels: int) -> None:
        self._lock = Lock()
        self._changed, self._waiting = Condition(self._lock), 0
        self._free, self._pixels = threads, pixels

    def begin(self, is_over: Callable[[], bool]) -> None:
        """Wait for a turn, or until the request is over."""
        with self._lock:
            self._waiting += 1
            self._changed.wait_for(lambda: is_over() or (self._free > 0 and self._pixels > 0))
            self._waiting -= 1
            self._free -= 1

    def change(self, threads: int = 0, pixels: int = 0) -> None:
        """Give threads and pixels back, or take them if the number is negative."""
        with self._lock:
            self._free += threads
            self._pixels += pixels
            if self._waiting:
                self._changed.notify_all()


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

    engine: "Engine"
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
            self._submit(work)
            parts = [replace(work, ready=[frame]) for frame in work.ready] if work.frame_by_frame else [work]
            answers = [self._answer(part, self._infer(part)) for part in parts]
            self.timing.ended = self.timing.ended or time.monotonic()  # an answer with its own timing has set it
            return answers[-1]
        except Exception as fault:
            clear_frames(fault.__traceback__)  # the traceback must not keep the frames while the refusal is sent
            raise
        finally:
            for job in self.jobs:
                job.abandon()
            self.engine.ahead.change(pixels=self.pixels)

    def end(self) -> None:
        """Nobody waits any more: the frames leave the queue of the device at once."""
        self.is_over, self.read = True, None
        for job in self.jobs:
            job.abandon()
        self.engine.ahead.change()  # wakes it if it still waits for its turn

    def _read_frames(self) -> Work[A]:
        """Bytes become tensors, in turn with other requests."""
        ahead, settings, metrics = self.engine.ahead, self.engine.settings, self.engine.metrics
        ahead.begin(lambda: self.is_over)
        try:
            read, self.read = self.read, None
            if read is None or time.monotonic() > self.latest:
                raise ServiceError(Reason.DEADLINE_EXCEEDED, LATE)
            self.timing.read_began = time.monotonic()
            work = read(Budget(settings.max_frames, settings.max_pixels))
            self.timing.read_ended = time.monotonic()
            metrics.stages["decode"].observe(self.timing.read_ended - self.timing.read_began)
            self.pixels = sum(tensor.size for frame in work.ready for tensor in frame.inputs)
        finally:
            ahead.change(threads=1, pixels=-self.pixels)  # the turn ends, the pixels stay
        if work.unreadable:
            metrics.frames_error.inc(work.unreadable)
        self.places.extend_to(len(work.ready))
        return work

    def _submit(self, work: Work[A]) -> None:
        """Hand every tensor to the device."""
        detector, deadline, now = work.plan.detector, work.plan.deadline, time.monotonic()
        self.jobs = [
            Job((detector, tensor.shape), tensor, tensor.size, now, deadline)
            for frame in work.ready
            for tensor in frame.inputs
        ]
        self.engine.worker.backlog.withdraw(self)
        if self.jobs:
            alone = self.engine.admission.inside == 1 and not detector.runtime.needs_warm_up
            self.engine.worker.submit(self.jobs, alone, Limit(deadline, work.plan.asked))
        if self.is_over:  # ``end`` may have come before the jobs were there
            raise CancelledError

    def _infer(self, work: Work[A]) -> Sequence[Done[Tensor]]:
        """Wait for the results of the next frames."""
        count, deadline = sum([len(frame.inputs) for frame in work.ready]), work.plan.deadline
        try:
            done = [job.end.result(max(0.0, deadline - time.monotonic())) for job in self.jobs[:count]]
        except TimeoutError:
            raise ServiceError(Reason.DEADLINE_EXCEEDED, LATE) from None
        self.jobs = self.jobs[count:]
        if done:
            self.timing.device_began = self.timing.device_began or min([one.began for one in done])
            self.timing.device_ended = max([one.ended for one in done])
        return done

    def _answer(self, work: Work[A], done: Sequence[Done[Tensor]]) -> A:
        """Probabilities of windows become probabilities of frames, then the answer."""
        results = (one.result for one in done)
        probabilities = [frame.join(list(islice(results, len(frame.inputs)))) for frame in work.ready]
        try:
            turn = self.engine.answering.get(timeout=max(0.0, self.latest - time.monotonic()))
        except Empty:
            raise ServiceError(Reason.DEADLINE_EXCEEDED, LATE) from None
        try:
            answer = work.answer(probabilities, lambda: self._detect(work, probabilities), self.timing)
        finally:
            self.engine.answering.put(turn)
        self.engine.metrics.frames_ok.inc(len(probabilities))
        return answer

    def _detect(self, work: Work[A], probabilities: Sequence[Tensor]) -> list[Detection]:
        plan, metrics = work.plan, self.engine.metrics
        frames = zip(work.ready, probabilities, strict=True)
        detections = plan.detector.finish_all(frames, plan.options, plan.deadline)
        confidences = [target.confidence for detection in detections for target in detection.found.targets]
        model = plan.detector.key
        metrics.targets_of(model).inc(len(confidences))
        observe = metrics.confidence_of(model).observe
        self.timing.frames += len(detections)
        self.timing.targets += len(confidences)
        for confidence in confidences:
            observe(confidence)
        metrics.cameras.observe(plan.camera, detections)
        return detections


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
        self.settings, self.metrics, self._on_device_lost = settings, metrics, on_device_lost
        self.admission = Admission(settings.queue_size, time.monotonic)
        cpus = available_cpus()
        self._threads = Threads(cpus + 2 * settings.max_batch, "request")
        queue: Queue[Key, Tensor, Tensor] = Queue(settings.max_batch, _batch_pixels)
        objective_s, observe = settings.latency_objective_ms / 1e3, metrics.batch_frames.observe
        self.worker = Worker(self._infer, queue, time.monotonic, observe, objective_s)
        self.ahead = ReadAhead(cpus, READ_AHEAD)
        self.answering = SimpleQueue[None]()  # turns: if more threads run Python code, the event loop waits for long
        for _ in range(cpus):
            self.answering.put(None)
        self.running: set[Request[Any]] = set()

    @property
    def running_since(self) -> float | None:
        """time.monotonic when the current run of the device began; None while the device is idle."""
        return self.worker.running_since

    @property
    def is_stuck(self) -> bool:
        """After ``close``: a thread may never end."""
        return self.running_since is not None or bool(self.running)

    def close(self, within_s: float | None = None) -> None:
        """Finish what was accepted. A run that takes longer is left behind."""
        self.worker.close(within_s)
        self._threads.shutdown(wait=within_s is None, cancel_futures=True)

    def warm_up(self, detectors: Sequence[Detector]) -> None:
        """Run what the first requests would otherwise wait for, in the device's thread."""
        warm_up(detectors, self.settings.max_batch, self.worker.submit)

    async def answer(self, read: Callable[[Budget], Work[A]], places: Places, timing: Timing, latest: float) -> A:
        """The answer to one request.

        Args:
            read: reads its frames; called in a thread.
            latest: time.monotonic of the deadline. The plan of the work may have an earlier one.

        Raises:
            ServiceError: what reading or answering raises, a limit, or the deadline.
        """
        timing.received = time.monotonic()
        request = Request(self, read, places, timing, latest)
        self.worker.backlog.announce(request)
        try:
            async with asyncio.timeout(latest - time.monotonic()):
                return await asyncio.wrap_future(self._threads.submit(self._run, request))
        except BaseException as fault:
            request.end()
            if isinstance(fault, TimeoutError):
                raise ServiceError(Reason.DEADLINE_EXCEEDED, LATE) from None
            raise
        finally:
            self.worker.backlog.withdraw(request)
            self._observe(timing)

    def _run(self, request: Request[A]) -> A:
        self.running.add(request)
        try:
            return request.run()
        finally:
            self.running.discard(request)

    def _infer(self, key: Key, tensors: Sequence[Tensor]) -> Iterable[Tensor]:
        """One batch of one model and one shape, in the device's thread."""
        stack = tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
        try:
            return key[0].runtime.probabilities(stack)
        except DeviceLost as lost:
            self._on_device_lost(str(lost))
            raise ServiceError(Reason.NOT_READY, "the device is lost; this process ends", retry_after_s=1) from lost

    def _observe(self, timing: Timing) -> None:
        for stage, milliseconds in timing.stages().items():
            if stage != "decode":  # observed as soon as the frames were read
                self.metrics.stages[stage].observe(milliseconds / 1e3)


def _batch_pixels(key: Key) -> int:
    """Most pixels of a batch. On the CPU a batch has no more frames than run at once: more would only wait."""
    runtime, shape = key[0].runtime, key[1]
    most: int = runtime.batch_pixels
    return most if runtime.at_once is None else min(most, runtime.at_once * math.prod(shape))
