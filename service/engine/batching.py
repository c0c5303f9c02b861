"""Batching: tensors that arrive while the device is busy become the next batch. An idle device waits for nothing.

``Queue`` is the policy, without threads and clocks. ``Backlog`` refuses what would be answered too late. ``Worker`` is
the thread of the device.
"""

import math
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from traceback import clear_frames
from typing import Any, Final, Generic, NamedTuple, TypeVar

from service.errors import Reason, ServiceError

K = TypeVar("K", bound=Hashable)
X = TypeVar("X")
Y = TypeVar("Y")

LATEST_SHARE: Final = 0.3  # weight of the latest batch in the expected pace
LONGEST_RETRY_S: Final = 60.0
MEASURED_FROM_S: Final = 0.1  # shorter waits say little about how exact the expectation is
MOST_STRETCH: Final = 4.0
STRETCH_SHARE: Final = 0.1  # weight of the latest wait
MAX_PACES: Final = 1024  # pairs of a model and a shape; beyond that all paces are measured anew


class Done(NamedTuple, Generic[Y]):
    """A result, and the clock's times when its batch began and ended."""

    result: Y
    began: float
    ended: float


@dataclass(slots=True, eq=False)
class Job(Generic[K, X, Y]):
    """One tensor that waits for the device.

    Attributes:
        key: jobs with the same key may run together.
        work: the tensor; None once nobody waits for the result, so that the queue keeps no pixels of it.
        size: pixels.
        entered, deadline: seconds of the clock.
        end: the request waits for this future.
    """

    key: K
    work: X | None
    size: int
    entered: float
    deadline: float
    end: Future[Done[Y]] = field(default_factory=Future)

    def abandon(self) -> None:
        """Nobody waits for the result any more: a job that has not begun never runs."""
        self.work = None
        self.end.cancel()

    def start(self) -> bool:
        """Take the job out of the queue. False if it was abandoned."""
        return self.end.set_running_or_notify_cancel()


class Queue(Generic[K, X, Y]):
    """The oldest job runs next, together with the oldest others of its key.

    Args:
        max_batch: jobs in a batch.
        max_size: pixels in a batch of a key. A job that is larger than that runs alone.
    """

    def __init__(self, max_batch: int, max_size: Callable[[K], int]) -> None:
        self._max_batch, self._max_size = max_batch, max_size
        self._waiting: dict[K, deque[Job[K, X, Y]]] = {}
        self.paces = Paces[K]()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, jobs: Sequence[Job[K, X, Y]]) -> None:
        """Add jobs. The admission decides how many may wait."""
        for job in jobs:
            self._waiting.setdefault(job.key, deque()).append(job)

    def take(self, now: float) -> list[Job[K, X, Y]]:
        """Start the next batch. Abandoned jobs and jobs that would miss their deadline are removed on the way.

        A batch stays so small that each of its jobs is expected to meet its deadline.
        """
        batch: list[Job[K, X, Y]] = []
        while not batch and self._waiting:
            key = min(self._waiting, key=lambda key: self._waiting[key][0].entered)
            batch, all_too_slow = self._take_from(key, now)
            if all_too_slow:
                self.paces.forget(key)
            if not self._waiting[key]:
                del self._waiting[key]
        return batch

    def _take_from(self, key: K, now: float) -> tuple[list[Job[K, X, Y]], bool]:
        """The batch, and whether nothing but the expected pace kept it empty."""
        waiting, max_size, pace = self._waiting[key], self._max_size(key), self.paces.expected(key)
        batch: list[Job[K, X, Y]] = []
        size, earliest, too_slow = 0, float("inf"), False
        while waiting and len(batch) < self._max_batch and (not batch or size + waiting[0].size <= max_size):
            ends = now + pace * (size + waiting[0].size)
            if batch and ends > min(earliest, waiting[0].deadline):
                break
            job = waiting.popleft()
            if not job.start():
                continue
            if job.deadline <= ends:
                too_slow = too_slow or job.deadline > now
                when = (
                    "passed while the frame waited" if job.deadline <= now else "is too soon for the device to answer"
                )
                job.end.set_exception(ServiceError(Reason.DEADLINE_EXCEEDED, f"the deadline {when}"))
                continue
            size, earliest = size + job.size, min(earliest, job.deadline)
            batch.append(job)
        return batch, too_slow and not batch


class Paces(Generic[K]):
    """Expected seconds a pixel of each key; its first run, which also chooses kernels, does not count.

    Keys are stored as hashes: a key itself would keep a replaced model in memory.
    """

    def __init__(self) -> None:
        self._paces: dict[int, float] = {}
        self._latest = 0.0

    def likely(self, key: K) -> float:
        """Seconds a pixel; for a key of which nothing is known, the pace of another one."""
        return self.expected(key) or self._latest

    def expected(self, key: K) -> float:
        """Seconds a pixel; 0 while nothing is known."""
        return self._paces.get(hash(key), 0.0)

    def learn(self, key: K, seconds: float, size: int) -> None:
        """A batch of ``size`` pixels took ``seconds``."""
        known = self._paces.get(hash(key))
        if known is None and len(self._paces) == MAX_PACES:
            self._paces.clear()
        pace = seconds / size
        if known:
            pace = known + LATEST_SHARE * (pace - known)
        self._paces[hash(key)] = 0.0 if known is None else pace
        if known is not None or not self._latest:
            self._latest = pace

    def forget(self, key: K) -> None:
        """Measure this key anew: one slow run must not refuse every request that follows."""
        self._paces.pop(hash(key), None)


class Limit(NamedTuple):
    """Until when an answer is of use.

    Attributes:
        deadline: the clock's time after which nobody waits.
        asked: the client named this deadline, so it holds in place of the latency objective.
    """

    deadline: float
    asked: bool = False


class Backlog(Generic[K]):
    """Expected seconds of the jobs that the device has not done. It bounds the time of requests.

    Jobs whose answer would come too late are refused before they take the device from jobs whose answer is of use.
    A request that waits for a thread, or that is being read, counts as one job that takes as long as jobs usually do.
    Where the device is a CPU, reading and answering take time from it. So waits are compared with what was expected,
    and expectations are stretched by that ratio.

    Args:
        objective_s: longest wait of a request that names no deadline, together with the run of its own jobs.
        paces: what a job of each key takes.
        running_since: the clock's time when the present run began; None while the device is idle.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        objective_s: float,
        paces: Paces[K],
        running_since: Callable[[], float | None],
        clock: Callable[[], float],
    ) -> None:
        self._objective_s, self._paces = objective_s, paces
        self._running_since, self._clock = running_since, clock
        self._accepted_s, self._jobs, self._lock = 0.0, 0, Lock()
        self._announced: set[object] = set()
        self._usual_s = 0.0
        self._stretch = 1.0

    @property
    def seconds(self) -> float:
        """Seconds until the device has done what is here; 0 while it is idle."""
        return self._stretch * (self._accepted_left_s() + len(self._announced) * self._usual_s)

    def announce(self, request: object) -> None:
        """A request is here, and its jobs are not known yet."""
        self._announced.add(request)

    def withdraw(self, request: object) -> None:
        """The jobs of an announced request are known now, or will never come."""
        self._announced.discard(request)

    def check(self, limit: Limit) -> None:
        """Refuse a request that arrives if its answer would come too late.

        An idle device refuses nothing: the expectation may be wrong, and only a run corrects it.

        Raises:
            ServiceError: ``too_slow``, with the seconds after which the backlog should be short enough.
        """
        if self._jobs:
            self._check(self.seconds, limit)

    def _check(self, ahead: float, limit: Limit, own_s: float = 0.0) -> None:
        most = self._longest_wait_s(limit, own_s)
        if ahead <= most:
            return
        retry = min(max(1.0, math.ceil(ahead - most)), LONGEST_RETRY_S)
        takes = f", and those of this request take {own_s:.2g} s" if own_s else ""
        detail = (
            f"the frames ahead take {ahead:.2g} s{takes}, so the answer would come too late; "
            "try again later, or ask for more time with timeout_ms"
        )
        raise ServiceError(Reason.TOO_SLOW, detail, retry)

    def accept(self, limit: Limit, jobs: Sequence[Job[K, Any, Any]]) -> None:
        """Accept jobs, or refuse all of them. A job leaves the backlog at its end, whatever the end is.

        Raises:
            ServiceError: ``too_slow``.
        """
        costs = [self._paces.likely(job.key) * job.size for job in jobs]
        own_s = sum(costs)
        with self._lock:
            expected_s = self._accepted_left_s() + own_s
            try:
                if self._jobs:
                    self._check(self._stretch * self._accepted_left_s(), limit, own_s)
            except ServiceError:
                if limit.asked and own_s > limit.deadline - self._clock():
                    self._paces.forget(jobs[0].key)  # one slow run must not refuse every request that follows
                raise
            self._accepted_s += own_s
            self._jobs += len(jobs)
            self._usual_s += LATEST_SHARE * (own_s / len(jobs) - self._usual_s)
        for job, seconds in zip(jobs, costs, strict=True):
            job.end.add_done_callback(partial(self._leave, seconds))
        if expected_s >= MEASURED_FROM_S:
            jobs[-1].end.add_done_callback(partial(self._compare, self._clock(), expected_s))

    def _accepted_left_s(self) -> float:
        began = self._running_since()
        return max(0.0, self._accepted_s - (0.0 if began is None else self._clock() - began))

    def _leave(self, seconds: float, _: Future[Any]) -> None:
        with self._lock:
            self._jobs -= 1
            self._accepted_s = self._accepted_s - seconds if self._jobs else 0.0  # no rounding error remains

    def _compare(self, began: float, expected_s: float, end: Future[Any]) -> None:
        if end.cancelled() or end.exception() is not None:
            return
        ratio = min(max(1.0, (self._clock() - began) / expected_s), MOST_STRETCH)
        with self._lock:
            self._stretch += STRETCH_SHARE * (ratio - self._stretch)

    def _longest_wait_s(self, limit: Limit, own_s: float) -> float:
        """Seconds that may be ahead.

        Jobs that take more than half of the objective by themselves may wait as long as they take: a busy device would
        otherwise never accept a large request.
        """
        left = limit.deadline - self._clock() - own_s
        if limit.asked:
            return left
        return min(left, self._objective_s, max(self._objective_s - own_s, own_s))


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
