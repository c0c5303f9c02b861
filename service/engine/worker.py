"""The thread of the device. ONNX Runtime captures CUDA graphs for each thread, so every run is in this one."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from queue import SimpleQueue
from threading import Thread
from traceback import clear_frames
from typing import Generic

from service.engine.batching import Done, Job, K, Queue, X, Y


class Worker(Generic[K, X, Y]):
    """Runs batches until it is closed.

    Args:
        run: computes a batch of one key. The results have the order of the tensors.
        queue: the batching policy.
        clock: seconds, monotonic.
        observe: called with the number of jobs of every batch.
    """

    def __init__(
        self,
        run: Callable[[K, Sequence[X]], Iterable[Y]],
        queue: Queue[K, X, Y],
        clock: Callable[[], float],
        observe: Callable[[int], object],
    ) -> None:
        self._run, self._queue, self._clock, self._observe = run, queue, clock, observe
        self._arriving: SimpleQueue[Sequence[Job[K, X, Y]] | None] = SimpleQueue()
        self._closed = False
        self._began: float | None = None
        self._thread = Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    def submit(self, jobs: Sequence[Job[K, X, Y]]) -> None:
        """Queue jobs. No other job can come between them."""
        self._arriving.put(jobs)

    @property
    def running_since(self) -> float | None:
        """The clock's time when the current run began; None while the device is idle."""
        return self._began

    def close(self, within_s: float | None = None) -> bool:
        """Run all jobs that wait, then end. False if that takes longer than ``within_s``."""
        self._arriving.put(None)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while self._receive():
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
        jobs, works = _still_waited_for(batch)
        if not jobs:
            return
        try:
            for job, done in zip(jobs, self._time(jobs[0].key, works, sum(job.size for job in jobs)), strict=True):
                job.end.set_result(done)
        except Exception as fault:
            clear_frames(fault.__traceback__)  # the traceback must not keep the tensors
            works.clear()
            if len(jobs) == 1:
                jobs[0].end.set_exception(fault)
                return
            middle = len(jobs) // 2
            self._answer(jobs[:middle])
            self._answer(jobs[middle:])

    def _time(self, key: K, works: Sequence[X], size: int) -> list[Done[Y]]:
        """Run a batch and learn how long it took."""
        self._began = began = self._clock()
        try:
            results = list(self._run(key, works))
        finally:
            self._began = None
        ended = self._clock()
        self._queue.learn(key, ended - began, size)
        if len(results) != len(works):
            raise ValueError(f"the device gave {len(results)} results for {len(works)} tensors")
        return [Done(result, began, ended) for result in results]


def _still_waited_for(batch: Sequence[Job[K, X, Y]]) -> tuple[list[Job[K, X, Y]], list[X]]:
    """The jobs whose requests have not ended since the batch was taken, and their tensors."""
    jobs, works = [], []
    for job in batch:
        if (work := job.work) is None:
            job.end.set_exception(CancelledError())
        else:
            jobs.append(job)
            works.append(work)
    return jobs, works
