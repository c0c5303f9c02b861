"""Ends the connection of a client that does not read its answer, so that the answer does not stay in memory.

Neither asyncio nor uvicorn has a timeout for this: a closing transport waits until the client has read everything.
"""

import asyncio
import fcntl
import struct
import termios
from collections.abc import Callable
from typing import Final

UNREAD_TIMEOUT_S: Final = 10.0
SLOWEST_BYTES_S: Final = 240  # as Kestrel's MinResponseDataRate; every usable line is faster


class SlowClientTimer:
    """Checks every ``UNREAD_TIMEOUT_S``, once started, whether the client still reads what was written."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, drop: Callable[[], None]) -> None:
        self._transport, self._loop, self._drop = transport, loop, drop
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start to check, unless it is started already."""
        if self._timer is None:
            self._check_later(self._waiting())

    def stop(self) -> None:
        """Stop to check: the client has read everything, or the connection is lost."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_later(self, waiting: int) -> None:
        self._timer = self._loop.call_later(UNREAD_TIMEOUT_S, self._check, waiting)

    def _check(self, before: int) -> None:
        waiting = self._waiting()
        if before - waiting < SLOWEST_BYTES_S * UNREAD_TIMEOUT_S:
            self._drop()
        else:
            self._check_later(waiting)

    def _waiting(self) -> int:
        """Bytes that the client has not acknowledged; while a slow client reads, only those in the kernel decrease."""
        return self._transport.get_write_buffer_size() + _unacknowledged(self._transport)


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Unacknowledged bytes in the kernel (Linux, tcp(7), SIOCOUTQ); 0 if they are unknown."""
    descriptor: int = transport.get_extra_info("socket").fileno()
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(count)
