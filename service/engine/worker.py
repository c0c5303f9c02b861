"""The thread of the device. It runs batches, and finishes the jobs of each."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import CancelledError
from queue import SimpleQueue
from threading import Lock, Thread
from traceback import clear_frames
from typing import Generic, TypeVar

from service.engine.backlog import Backlog, Limit
from service.engine.batching import Done, Job, Queue

K = TypeVar("K", bound=Hashable)
X = TypeVar("X")
Y = TypeVar("Y")


class Worker(Generic[K, X, Y]):
    """Runs batches in a thread of its own: ONNX Runtime captures CUDA graphs for each thread.

    Args:
        run: computes a batch of one key. The results have the order of the tensors.
        queue: the batching policy.
        clock: seconds, monotonic.
        observe: called with the number of jobs of every batch.
        objective_s: longest time until the answer to a request that names no deadline.

    Attributes:
        backlog: of the jobs that were submitted with a limit.
        running_since: the clock's time when the current run began; None while the device is idle.
    """

    def __init__(
        self,
        run: Callable[[K, Sequence[X]], Iterable[Y]],
        queue: Queue[K, X, Y],
        clock: Callable[[], float],
        observe: Callable[[int], object],
        objective_s: float = math.inf,
    ) -> None:
        self._run, self._queue, self._clock, self._observe = run, queue, clock, observe
        self._arriving: SimpleQueue[Sequence[Job[K, X, Y]] | None] = SimpleQueue()
        self._device, self._closed = Lock(), False
        self.running_since: float | None = None
        self.backlog = Backlog(objective_s, queue.paces, lambda: self.running_since, clock)
        self._thread = Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    def submit(self, jobs: Sequence[Job[K, X, Y]], here: bool = False, limit: Limit | None = None) -> None:
        """Queue jobs; no other job can come between them.

        With ``here``, a lone job runs in this thread if the device is idle: 0.1 ms of CPU less (11 of 20 switches).

        Raises:
            ServiceError: ``too_slow``; with ``limit``, the jobs would be answered too late.
        """
        if limit is not None:
            self.backlog.accept(limit, jobs)
        if not (here and len(jobs) == 1 and self._device.acquire(blocking=False)):
            self._arriving.put(jobs)
            return
        try:
            if jobs[0].start():
                self._observe(1)
                self._answer(jobs)
        finally:
            self._device.release()

    def close(self, within_s: float | None = None) -> None:
        """Run all jobs that wait, then end; wait for that no longer than ``within_s``."""
        self._arriving.put(None)
        self._thread.join(within_s)

    def _work(self) -> None:
        while self._receive():
            with self._device:
                self._receive()  # jobs that arrived while another thread used the device
                self._run_next()

    def _run_next(self) -> None:
        if batch := self._queue.take(self._clock()):
            self._observe(len(batch))
            self._answer(batch)

    def _receive(self) -> bool:
        """Move arrived jobs into the queue; block while there are none. False once closed and empty."""
        while not self._arriving.empty() or not (self._queue or self._closed):
            jobs = self._arriving.get()
            if jobs is None:
                self._closed = True
            else:
                self._queue.put(jobs)
        return bool(self._queue)

    def _answer(self, batch: Sequence[Job[K, X, Y]]) -> None:
        """A batch that fails is halved: a bad job fails alone, and a batch too large for the memory still runs."""
        held = [(job, job.work) for job in batch]  # a request may end at any moment
        jobs, works = [job for job, work in held if work is not None], [work for _, work in held if work is not None]
        for job in {*batch}.difference(jobs):
            job.end.set_exception(CancelledError())
        del held
        if not jobs:
            return
        try:
            answers = list(zip(jobs, self._time(jobs[0].key, works, sum(job.size for job in jobs)), strict=True))
        except Exception as fault:
            clear_frames(fault.__traceback__)  # the traceback must not keep the tensors
            works.clear()
            if len(jobs) == 1:
                jobs[0].end.set_exception(fault)
            else:
                middle = len(jobs) // 2
                self._answer(jobs[:middle])
                self._answer(jobs[middle:])
            return
        for job, done in answers:
            job.end.set_result(done)

    def _time(self, key: K, works: Sequence[X], size: int) -> list[Done[Y]]:
        """Run a batch and learn how long it took."""
        self.running_since = began = self._clock()
        try:
            results = list(self._run(key, works))
        finally:
            self.running_since = None
        ended = self._clock()
        self._queue.paces.learn(key, ended - began, size)
        return [Done(result, began, ended) for result in results]
