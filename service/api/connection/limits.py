"""How many connections may be open, and how many bytes may wait: of answers, and of messages that arrive."""

import asyncio
import logging
import resource
import time
from dataclasses import dataclass
from typing import Final, Protocol

from service.api.body import BodyRoom
from service.observability.metrics import Metrics

CONNECTIONS: Final = "connections"  # in the state that the server shares with the application
MESSAGES: Final = "messages"  # likewise
OTHER_DESCRIPTORS: Final = 64  # files, the listener, the event loop
UNREAD_BYTES: Final = 1 << 28  # of all answers together
LOG_EVERY_S: Final = 10.0

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """One connection of a client."""

    transport: asyncio.Transport

    def close(self) -> None:
        """Close as soon as the client has taken what was written."""


class Connections:
    """All connections of the process.

    If there is no room for another one, the connection that has been idle for longest is closed. So many silent clients
    cannot keep others out. If none is idle, the new one is closed.

    Args:
        most: connections.
        metrics: count what is closed.

    Attributes:
        idle: connections without a request, from the one that is idle for longest to the latest.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most, self._metrics = most, metrics
        self._open: set[Connection] = set()
        self.idle: dict[Connection, None] = {}
        self._unread: dict[Connection, None] = {}
        self._logged_at = float("-inf")
        metrics.watch_connections(lambda: len(self._open), most, self.unread_bytes)

    def enter(self, connection: Connection) -> bool:
        """A connection is open. False if there is no room for it."""
        if len(self._open) >= self._most and not self._close_idle():
            self._count("refused")
            return False
        self._open.add(connection)
        self.idle[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """A connection is lost."""
        self._open.discard(connection)
        self.idle.pop(connection, None)
        self._unread.pop(connection, None)

    def waits_for_reader(self, connection: Connection) -> None:
        """More is written than the client has taken. Beyond the limit the connections that wait for longest end."""
        self._unread[connection] = None
        while self.unread_bytes() > UNREAD_BYTES and self._unread:
            slow = next(iter(self._unread))
            del self._unread[slow]
            self.drop(slow, "unread")

    def is_read(self, connection: Connection) -> None:
        """The client has taken most of what was written."""
        self._unread.pop(connection, None)

    def drop(self, connection: Connection, reason: str) -> None:
        """End a connection at once; ``reason`` is one of ``CONNECTIONS_ENDED``."""
        self._count(reason)
        connection.transport.abort()

    def unread_bytes(self) -> int:
        """Bytes of answers that wait in this process for clients that read slowly."""
        return sum(connection.transport.get_write_buffer_size() for connection in self._unread)

    def _close_idle(self) -> bool:
        for connection in self.idle:
            if not connection.transport.get_write_buffer_size():
                self.leave(connection)
                connection.close()
                self._count("idle")
                return True
        return False

    def _count(self, reason: str) -> None:
        self._metrics.connections_ended.labels(reason).inc()
        if time.monotonic() - self._logged_at > LOG_EVERY_S:
            self._logged_at = time.monotonic()
            logger.warning("a connection is closed (%s): %d of %d are open", reason, len(self._open), self._most)


@dataclass(frozen=True, slots=True)
class Messages:
    """What messages of WebSockets may take while they arrive.

    Attributes:
        room: of the bytes of all bodies and messages.
        most_bytes: of one message.
        within_s: seconds from the first byte of a message to its last.
    """

    room: BodyRoom
    most_bytes: int
    within_s: float


def raise_descriptor_limit() -> int:
    """Raise the soft limit of file descriptors to the hard one. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:  # the system allows less than the hard limit
            logger.warning("the limit of file descriptors stays at %d: %s", soft, error)
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def most_connections(requested: int, descriptors: int) -> int:
    """The setting, or less if the limit of file descriptors leaves no room for so many."""
    possible = max(1, descriptors - OTHER_DESCRIPTORS)
    if descriptors != resource.RLIM_INFINITY and possible < requested:
        logger.warning("at most %d connections, because the limit of file descriptors is %d", possible, descriptors)
        return possible
    return requested
