"""What waits while the device is busy becomes the next batch: no delay when idle, no polling.

``Queue`` is the policy, without threads and clocks. ``Worker`` is the one thread that owns the device.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Final, Generic, TypeVar

from service.errors import Reason, ServiceError

K = TypeVar("K", bound=Hashable)
X = TypeVar("X")
Y = TypeVar("Y")

PACE_SHARE: Final = 0.3  # of the latest batch in the expected pace


@dataclass(frozen=True, slots=True)
class Done(Generic[Y]):
    """A result, with the clock's time when its batch was taken from the queue and when it was done."""

    result: Y
    began: float
    ended: float


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[K, X, Y]):
    """One frame that waits.

    Attributes:
        key: jobs with the same key may run together.
        size: pixels.
        entered, deadline: the clock's times.
    """

    key: K
    work: X
    size: int
    entered: float
    deadline: float
    future: "Future[Done[Y]]" = field(default_factory=Future)


class Queue(Generic[K, X, Y]):
    """The oldest job goes next, and takes along the oldest others that may run with it.

    Args:
        max_batch: jobs a batch.
        max_size: pixels a batch of this key; a job larger than that runs alone.
    """

    def __init__(self, max_batch: int, max_size: Callable[[K], int]) -> None:
        self._max_batch, self._max_size = max_batch, max_size
        self._waiting: dict[K, deque[Job[K, X, Y]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, job: Job[K, X, Y]) -> None:
        """Add a job; how many may wait is not decided here."""
        self._waiting.setdefault(job.key, deque()).append(job)

    def take(self, now: float, pace: float = 0.0) -> list[Job[K, X, Y]]:
        """The next batch; jobs whose caller has left, or whose deadline will have passed, are dropped on the way.

        Args:
            now: the clock's time.
            pace: seconds that the device is expected to need for a pixel. A batch stays so small that none of its jobs
                comes too late: work on an answer that nobody waits for any more is stolen from others.
        """
        batch: list[Job[K, X, Y]] = []
        while not batch and self._waiting:
            key = min(self._waiting, key=lambda key: self._waiting[key][0].entered)
            batch = self._take_from(self._waiting[key], self._max_size(key), now, pace)
            if not self._waiting[key]:
                del self._waiting[key]
        return batch

    def _take_from(self, waiting: deque[Job[K, X, Y]], max_size: int, now: float, pace: float) -> list[Job[K, X, Y]]:
        batch: list[Job[K, X, Y]] = []
        size, earliest = 0, float("inf")
        while waiting and len(batch) < self._max_batch and (not batch or size + waiting[0].size <= max_size):
            ends = now + pace * (size + waiting[0].size)
            if batch and ends > min(earliest, waiting[0].deadline):
                break
            job = waiting.popleft()
            if not job.future.set_running_or_notify_cancel():
                continue
            if job.deadline <= ends:
                job.future.set_exception(ServiceError(Reason.DEADLINE_EXCEEDED, "the deadline passed in the queue"))
                continue
            size, earliest = size + job.size, min(earliest, job.deadline)
            batch.append(job)
        return batch


class Worker(Generic[K, X, Y]):
    """A thread that runs batches until it is closed.

    Args:
        run: computes a batch of one key; results in the order of the works.
        queue: the policy.
        clock: seconds, monotonic.
        observe: told the number of jobs of every batch.
    """

    def __init__(
        self,
        run: Callable[[K, Sequence[X]], Iterable[Y]],
        queue: Queue[K, X, Y],
        clock: Callable[[], float],
        observe: Callable[[int], object],
    ) -> None:
        self._run, self._queue, self._clock, self._observe = run, queue, clock, observe
        self._changed = Condition()
        self._closed = False
        self._pace = 0.0
        self._thread = Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    def submit(self, key: K, work: X, size: int, deadline: float) -> "Future[Done[Y]]":
        """Queue one job; cancelling the future before its batch begins frees the place."""
        job: Job[K, X, Y] = Job(key, work, size, self._clock(), deadline)
        with self._changed:
            self._queue.put(job)
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """Run what waits, then end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._queue)
                if not self._queue:
                    return
                batch = self._queue.take(self._clock(), self._pace)
            if batch:
                self._observe(len(batch))
                self._answer(batch)
            else:
                self._pace = 0.0  # a pace at which everything is too late is not believed twice
            del batch  # or the last frames would stay in memory while nothing happens

    def _answer(self, batch: list[Job[K, X, Y]]) -> None:
        """A batch that fails is halved: a bad job fails alone, and what found no room at once still runs."""
        began = self._clock()
        try:
            results = list(zip(batch, self._run(batch[0].key, [job.work for job in batch]), strict=True))
        except Exception as fault:
            if len(batch) == 1:
                batch[0].future.set_exception(fault)
            else:
                middle = len(batch) // 2
                self._answer(batch[:middle])
                self._answer(batch[middle:])
            return
        ended = self._clock()
        self._pace += PACE_SHARE * ((ended - began) / sum(job.size for job in batch) - self._pace)
        for job, result in results:
            job.future.set_result(Done(result, began, ended))
