"""Admission: how many frames may be in the service at once, from the first byte of a body to the last of its answer.

It bounds memory. ``backlog`` bounds time.
"""

import math
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Final, Self

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
