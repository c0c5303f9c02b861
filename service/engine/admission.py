"""Admission: which requests the service accepts. Others are refused at once, with the time of a useful retry.

``Admission`` bounds memory: how many frames may be inside, from the first byte of a body to the last of its answer.
``Backlog`` bounds time: frames whose answer would come too late are refused before they take the device from frames
whose answer is still of use.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import Any, Final, NamedTuple, Self

from service.errors import Reason, ServiceError

REMEMBERED: Final = 64  # releases that the drain rate is measured from
LONGEST_WAIT_S: Final = 60.0


class Admission:
    """A bounded number of frames. A request that does not fit is refused at once, with the time of a useful retry.

    Args:
        capacity: frames.
        clock: seconds, monotonic.

    Attributes:
        inside: frames.
    """

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self._capacity, self._clock = capacity, clock
        self.inside = 0
        self._releases: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)
        self._lock = Lock()

    def take(self, frames: int) -> None:
        """Take all places or none.

        Raises:
            ServiceError: ``queue_full``, with the seconds after which a place should be free.
        """
        with self._lock:
            if self.inside + frames > self._capacity:
                detail = f"{self.inside} of {self._capacity} places are taken, {frames} more are needed"
                raise ServiceError(Reason.QUEUE_FULL, detail, self.expected_wait_s(frames))
            if not self.inside:
                self._releases.clear()  # idle time would make the rate look slow
            self.inside += frames

    def release(self, frames: int) -> None:
        """Give places back."""
        with self._lock:
            self.inside -= frames
            self._releases.append((self._clock(), frames))

    def expected_wait_s(self, frames: int) -> float:
        """Seconds until so many places are free, by the rate of the last releases; at least one."""
        if len(self._releases) < 2:
            return 1.0
        elapsed = self._clock() - self._releases[0][0]
        rate = sum(count for _, count in self._releases) / max(elapsed, 1e-3)
        return float(min(max(1, math.ceil(frames / rate)), LONGEST_WAIT_S))


class Places:
    """The places of one request; it takes the first one, or raises. Leaving the ``with`` block gives all back."""

    def __init__(self, admission: Admission) -> None:
        admission.take(1)
        self._admission, self._frames = admission, 1
        self._lock, self._left = Lock(), False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._left = True
            self._admission.release(self._frames)

    def extend_to(self, frames: int) -> None:
        """Take more places, now that the number of frames is known. A request that has ended takes none.

        Raises:
            ServiceError: ``queue_full``.
        """
        with self._lock:
            if frames > self._frames and not self._left:
                self._admission.take(frames - self._frames)
                self._frames = frames


class Limit(NamedTuple):
    """Until when an answer is of use.

    Attributes:
        deadline: the clock's time after which nobody waits.
        asked: the client named this deadline, so it holds in place of the latency objective.
    """

    deadline: float
    asked: bool = False


class Backlog:
    """Expected seconds of the frames that the device has accepted.

    Args:
        objective_s: longest wait of a request that names no deadline, together with the run of its own frames.
        running_since: the clock's time when the present run began; None while the device is idle.
        clock: seconds, monotonic.
    """

    def __init__(
        self, objective_s: float, running_since: Callable[[], float | None], clock: Callable[[], float]
    ) -> None:
        self._objective_s, self._running_since, self._clock = objective_s, running_since, clock
        self._accepted_s, self._jobs, self._lock = 0.0, 0, Lock()

    @property
    def seconds(self) -> float:
        """Seconds until the device has done what was accepted; 0 while it is idle."""
        began = self._running_since()
        return max(0.0, self._accepted_s - (0.0 if began is None else self._clock() - began))

    def check(self, limit: Limit, own_s: float = 0.0) -> None:
        """Refuse frames that would take ``own_s`` if their answer would come too late.

        An idle device refuses nothing: the expectation may be wrong, and only a run corrects it.

        Raises:
            ServiceError: ``too_slow``, with the seconds after which the backlog should be short enough.
        """
        ahead, most = self.seconds, self._longest_wait_s(limit, own_s)
        if not self._jobs or ahead <= most:
            return
        retry = min(max(1.0, math.ceil(ahead - most)), LONGEST_WAIT_S)
        takes = f", and those of this request take {own_s:.2g} s" if own_s else ""
        detail = (
            f"the frames ahead take {ahead:.2g} s{takes}, so the answer would come too late; "
            "try again later, or ask for more time with timeout_ms"
        )
        raise ServiceError(Reason.TOO_SLOW, detail, retry)

    def accept(self, limit: Limit, jobs: Sequence[tuple[Future[Any], float]]) -> None:
        """Accept jobs, each with its expected seconds, or refuse all of them. A job leaves the backlog at its end.

        Raises:
            ServiceError: ``too_slow``.
        """
        with self._lock:
            self.check(limit, sum([seconds for _, seconds in jobs]))
            self._accepted_s += sum([seconds for _, seconds in jobs])
            self._jobs += len(jobs)
        for end, seconds in jobs:
            end.add_done_callback(partial(self._leave, seconds))

    def _leave(self, seconds: float, _: Future[Any]) -> None:
        with self._lock:
            self._jobs -= 1
            self._accepted_s = self._accepted_s - seconds if self._jobs else 0.0  # no rounding error remains

    def _longest_wait_s(self, limit: Limit, own_s: float) -> float:
        """Seconds that may be ahead.

        Frames that take more than half of the objective by themselves may wait as long as they take: a busy device
        would otherwise never accept a large request.
        """
        left = limit.deadline - self._clock() - own_s
        if limit.asked:
            return left
        return min(left, self._objective_s, max(self._objective_s - own_s, own_s))
