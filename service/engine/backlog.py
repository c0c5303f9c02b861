"""The backlog: which requests are refused because the device would answer them too late. It bounds time.

``admission`` bounds memory.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import Any, Final, Generic, NamedTuple, TypeVar

from service.engine.batching import LATEST_SHARE, Job, Paces
from service.errors import Reason, ServiceError

K = TypeVar("K", bound=Hashable)

LONGEST_RETRY_S: Final = 60.0
MEASURED_FROM_S: Final = 0.1  # shorter waits say little about how exact the expectation is
MOST_STRETCH: Final = 4.0
STRETCH_SHARE: Final = 0.1  # weight of the latest wait


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
            ahead_s = self._accepted_left_s()
            try:
                if self._jobs:
                    self._check(self._stretch * ahead_s, limit, own_s)
            except ServiceError:
                if limit.asked and own_s > limit.deadline - self._clock():
                    self._paces.forget(jobs[0].key)  # one slow run must not refuse every request that follows
                raise
            self._accepted_s += own_s
            self._jobs += len(jobs)
            self._usual_s += LATEST_SHARE * (own_s / len(jobs) - self._usual_s)
        for job, seconds in zip(jobs, costs, strict=True):
            job.end.add_done_callback(partial(self._leave, seconds))
        if (expected_s := ahead_s + own_s) >= MEASURED_FROM_S:
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
