"""What waits while the device is busy becomes the next batch: no delay when idle, no polling.

``Queue`` is the policy, without threads and clocks. ``Worker`` is the device's thread; a lone job need not go there.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, Protocol, TypeVar

from service.engine.pace import Paces
from service.errors import Reason, ServiceError

K = TypeVar("K", bound=Hashable)
X = TypeVar("X")
W = TypeVar("W", covariant=True)
Y = TypeVar("Y")


@dataclass(frozen=True, slots=True)
class Done(Generic[Y]):
    """A result, with the clock's time when its batch was taken from the queue and when it was done."""

    result: Y
    began: float
    ended: float


class Caller(Protocol[W, Y]):
    """Who wants a job done, and keeps the work. Told of its end once, in the worker's thread; must raise nothing.

    A future of each job would do too, with a lock and a condition of its own that nobody here waits for.
    """

    @property
    def work(self) -> W | None:
        """None where nobody waits any more: then the job never begins, and waits in the queue without its pixels."""

    def keep(self, done: Done[Y], /) -> None:
        """It is done."""

    def lose(self, fault: Exception, /) -> None:
        """It will never be done."""


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[K, X, Y]):
    """One frame that waits.

    Attributes:
        key: jobs with the same key may run together.
        size: pixels.
        entered, deadline: the clock's times.
    """

    key: K
    size: int
    entered: float
    deadline: float
    caller: Caller[X, Y]


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

    def take(
        self, now: float, pace: Callable[[K], float] = lambda _: 0.0, doubt: Callable[[K], object] = lambda _: None
    ) -> list[Job[K, X, Y]]:
        """The next batch; jobs whose caller has left, or whose deadline will have passed, are dropped on the way.

        Args:
            now: the clock's time.
            pace: seconds that the device is expected to need for a pixel of this key. A batch stays so small that none
                of its jobs comes too late: work on an answer that nobody waits for any more is stolen from others.
            doubt: told of a key whose expected pace left nothing to run.
        """
        batch: list[Job[K, X, Y]] = []
        while not batch and self._waiting:
            key = min(self._waiting, key=lambda key: self._waiting[key][0].entered)
            batch, hopeless = self._take_from(self._waiting[key], self._max_size(key), now, pace(key))
            if hopeless and not batch:
                doubt(key)
            if not self._waiting[key]:
                del self._waiting[key]
        return batch

    def _take_from(
        self, waiting: deque[Job[K, X, Y]], max_size: int, now: float, pace: float
    ) -> tuple[list[Job[K, X, Y]], int]:
        """The batch, and how many jobs were given up only because of the pace."""
        batch: list[Job[K, X, Y]] = []
        hopeless = 0
        size, earliest = 0, float("inf")
        while waiting and len(batch) < self._max_batch and (not batch or size + waiting[0].size <= max_size):
            ends = now + pace * (size + waiting[0].size)
            if batch and ends > min(earliest, waiting[0].deadline):
                break
            job = waiting.popleft()
            if job.caller.work is None:
                continue
            if job.deadline <= ends:
                hopeless += job.deadline > now
                told = "passed in the queue" if job.deadline <= now else "will have passed before the answer"
                job.caller.lose(ServiceError(Reason.DEADLINE_EXCEEDED, f"the deadline {told}"))
                continue
            size, earliest = size + job.size, min(earliest, job.deadline)
            batch.append(job)
        return batch, hopeless


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
        self._arriving: SimpleQueue[Job[K, X, Y] | None] = SimpleQueue()
        self._closed = False
        self._device, self._paces = Lock(), Paces[K]()
        self._began: float | None = None
        self._thread = Thread(target=self._work, name="inference", daemon=True)
        self._thread.start()

    def submit(self, key: K, size: int, deadline: float, caller: Caller[X, Y]) -> None:
        """Queue one job; it is dropped where nobody waits any more before its batch begins."""
        self._arriving.put(Job(key, size, self._clock(), deadline, caller))

    def submit_together(self, key: K, size: int, deadline: float, callers: Iterable[Caller[X, Y]]) -> None:
        """Queue jobs of ``size`` that nothing comes between, once the device is free: one batch, as far as may be."""
        with self._device:
            for caller in callers:
                self.submit(key, size, deadline, caller)

    def run_here(self, key: K, work: X, size: int) -> Done[Y] | None:
        """Run one job in the calling thread; None while the device is busy.

        Raises:
            Exception: what ``run`` raises.
        """
        if not self._device.acquire(blocking=False):
            return None
        try:
            self._observe(1)
            (done,) = self._time(key, [work], size)
        finally:
            self._device.release()
        return done

    @property
    def running_since(self) -> float | None:
        """The clock's time when the run that is on the device began; None where none is."""
        return self._began

    def close(self, within_s: float | None = None) -> bool:
        """Run what waits, then end; False where that takes longer, or for ever."""
        self._arriving.put(None)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while self._take_in():
            with self._device:
                self._take_in()  # what has arrived while a lone job ran
                self._run_next()

    def _run_next(self) -> None:
        batch = self._queue.take(self._clock(), self._paces.of, self._paces.forget)
        if batch:
            self._observe(len(batch))
            self._answer(batch)

    def _take_in(self) -> bool:
        """Queue what has arrived, and wait for it where nothing is queued; False where nothing will come any more."""
        while not self._arriving.empty() or not (self._queue or self._closed):
            job = self._arriving.get()
            if job is None:
                self._closed = True
            else:
                self._queue.put(job)
        return bool(self._queue)

    def _answer(self, batch: list[Job[K, X, Y]]) -> None:
        """A batch that fails is halved: a bad job fails alone, and what found no room at once still runs."""
        held = [(job, work) for job in batch if (work := job.caller.work) is not None]  # others have left just now
        if not held:
            return
        jobs, works = [job for job, _ in held], [work for _, work in held]
        try:
            answers = list(zip(jobs, self._time(jobs[0].key, works, sum(job.size for job in jobs)), strict=True))
        except Exception as fault:
            if len(jobs) == 1:
                jobs[0].caller.lose(fault)
            else:
                middle = len(jobs) // 2
                self._answer(jobs[:middle])
                self._answer(jobs[middle:])
            return
        for job, done in answers:
            job.caller.keep(done)

    def _time(self, key: K, works: Sequence[X], size: int) -> list[Done[Y]]:
        """Run a batch on the device, which the calling thread holds, and learn its pace."""
        self._began = began = self._clock()
        try:
            results = list(self._run(key, works))
        finally:
            self._began = None
        ended = self._clock()
        self._paces.learn(key, ended - began, size)
        return [Done(result, began, ended) for result in results]
