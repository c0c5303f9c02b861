"""Answers that nobody takes are not kept: the connection of a client that has stopped reading ends.

Neither asyncio nor uvicorn bounds this: a closed transport waits for ever for what was written to be taken.
"""

import asyncio
import fcntl
import struct
import termios
from typing import Final

UNREAD_TIMEOUT_S: Final = 10.0
SLOWEST_BYTES_S: Final = 240  # as Kestrel's MinResponseDataRate: any line in use carries it


class SlowClientTimer:
    """Looks from time to time, once begun, whether the other side still takes what was written for it."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """If it has not begun."""
        if self._timer is None:
            self._look_later(self._waiting())

    def end(self) -> None:
        """All is taken, or lost."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self, waiting: int) -> None:
        self._timer = self._loop.call_later(UNREAD_TIMEOUT_S, self._look, waiting)

    def _look(self, before: int) -> None:
        waiting = self._waiting()
        if before - waiting < SLOWEST_BYTES_S * UNREAD_TIMEOUT_S:
            self._transport.abort()
        else:
            self._look_later(waiting)

    def _waiting(self) -> int:
        """Bytes that were not acknowledged; the kernel's part too, which alone shrinks while a slow client reads."""
        return self._transport.get_write_buffer_size() + _unacknowledged(self._transport)


def _unacknowledged(transport: asyncio.Transport) -> int:
    """Bytes in the kernel (Linux, tcp(7), SIOCOUTQ); 0 where it does not tell."""
    descriptor: int = transport.get_extra_info("socket").fileno()
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
    except OSError:
        return 0
    return int(count)
