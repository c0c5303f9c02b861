"""Batching: tensors that arrive while the device is busy become the next batch. An idle device waits for nothing.

``Queue`` is the policy, without threads and clocks. ``backlog`` refuses what would be answered too late, and ``worker``
is the thread of the device.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from service.errors import Reason, ServiceError

K = TypeVar("K", bound=Hashable)
X = TypeVar("X")
Y = TypeVar("Y")

LATEST_SHARE: Final = 0.3  # weight of the latest batch in the expected pace
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
