"""Admission: how many frames and bytes of bodies may be in the service at once, from the first byte to the answer."""

import math
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Final

from service.errors import Reason, ServiceError

REMEMBERED: Final = 64  # releases that the drain rate is measured from
LONGEST_WAIT_S: Final = 60.0


class Admission:
    """A bounded number of frames. A request that does not fit is refused at once, with the time of a useful retry.

    Args:
        capacity: frames.
        clock: seconds, monotonic.
        most_bytes: of bodies, all requests together.
    """

    def __init__(self, capacity: int, clock: Callable[[], float], most_bytes: float = math.inf) -> None:
        self._capacity, self._clock, self._most_bytes = capacity, clock, most_bytes
        self._inside = self._bytes = 0
        self._releases: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)
        self._lock = Lock()

    @property
    def inside(self) -> int:
        return self._inside

    @property
    def bytes(self) -> int:
        """Bytes of the bodies of all requests that are inside."""
        return self._bytes

    def enter(self) -> "Places":
        """Take the place of one frame.

        Raises:
            ServiceError: ``queue_full``, with the seconds after which a place should be free.
        """
        self.take(1)
        return Places(self)

    def take(self, frames: int) -> None:
        """Take all places or none."""
        with self._lock:
            if self._inside + frames > self._capacity:
                detail = f"{self._inside} of {self._capacity} places are taken, {frames} more are needed"
                raise ServiceError(Reason.QUEUE_FULL, detail, self._wait_for(frames))
            if not self._inside:
                self._releases.clear()  # idle time would make the rate look slow
            self._inside += frames

    def take_bytes(self, count: int) -> None:
        """Take room for bytes of a body.

        Raises:
            ServiceError: ``queue_full``.
        """
        with self._lock:
            if self._bytes + count > self._most_bytes:
                detail = f"the bodies of all requests together may have {self._most_bytes} bytes; try again later"
                raise ServiceError(Reason.QUEUE_FULL, detail, self._wait_for(1))
            self._bytes += count

    def release(self, frames: int, bytes_: int = 0) -> None:
        """Give places and bytes back."""
        with self._lock:
            self._inside -= frames
            self._bytes -= bytes_
            self._releases.append((self._clock(), frames))

    def _wait_for(self, frames: int) -> float:
        """Seconds until so many places are free, by the rate of the last releases; at least one."""
        if len(self._releases) < 2:
            return 1.0
        elapsed = self._clock() - self._releases[0][0]
        rate = sum(count for _, count in self._releases) / max(elapsed, 1e-3)
        return float(min(max(1, math.ceil(frames / rate)), LONGEST_WAIT_S))


class Places:
    """The places of one request. Leaving the ``with`` block gives all of them back."""

    def __init__(self, admission: Admission) -> None:
        self._admission, self._frames, self._bytes = admission, 1, 0
        self._lock, self._left = Lock(), False

    def __enter__(self) -> "Places":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._left = True
            self._admission.release(self._frames, self._bytes)

    def extend_to(self, frames: int) -> None:
        """Take more places, now that the number of frames is known. A request that has ended takes none.

        Raises:
            ServiceError: ``queue_full``.
        """
        with self._lock:
            if frames > self._frames and not self._left:
                self._admission.take(frames - self._frames)
                self._frames = frames

    def hold(self, count: int) -> None:
        """Take room for bytes of the request's body; a negative number gives some back. After the end it does nothing.

        Raises:
            ServiceError: ``queue_full``.
        """
        with self._lock:
            if not self._left:
                self._admission.take_bytes(count)
                self._bytes += count
