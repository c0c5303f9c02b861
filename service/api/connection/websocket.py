"""Uvicorn's WebSocket protocol with limits on the memory and the time that a message takes to arrive.

Uvicorn bounds the size of a message. It has no bound for the messages of all connections together, for the time in
which one arrives, and for answers that the client does not read.
"""

import asyncio
import logging
import time
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from service.api.connection.limits import CONNECTIONS, MESSAGES, Connections, Messages
from service.api.connection.slow_client import SlowClientTimer

WRAPPING: Final = 65_536  # bytes of frame headers and pings
PIECE: Final = 8_192  # bytes
AT_ONCE_S: Final = 0.002
LAST_S: Final = 20.0  # for the client to take what was written last, and to close

quiet = logging.getLogger("service.api.connection.websocket")  # uvicorn logs the address and the query of each client
quiet.setLevel(logging.WARNING)


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Ends connections whose messages arrive too slowly, or whose client does not read or does not answer pings."""

    _arriving, _held, _unparsed = 0, 0, b""
    _late: asyncio.TimerHandle | None = None
    _latest_data = 0.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = self.conn.logger = quiet

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the place of the HTTP connection that asked for the upgrade."""
        super().connection_made(transport)
        self._all: Connections = self.app_state[CONNECTIONS]
        self._limits: Messages = self.app_state[MESSAGES]
        self._slow_client = SlowClientTimer(transport, self.loop, lambda: self._all.drop(self, "unread"))
        self._all.enter(self)
        self._all.idle.pop(self, None)
        transport.pause_reading()  # until the application receives, since the parser expects no frames before
        self.read_paused = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers and give the memory back."""
        self._slow_client.stop()
        self._message_is_here()
        self._all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what arrives. After the end, what still arrives is dropped."""
        self._latest_data = self.loop.time()
        self._unparsed += data
        self._parse()

    def _parse(self) -> None:
        """Parse a few pieces: one read may bring a hundred thousand messages, and others must be served meanwhile."""
        rest, until = memoryview(self._unparsed), time.monotonic() + AT_ONCE_S
        while rest and not self._is_over and not self._app_is_behind and time.monotonic() < until:
            self._parse_piece(bytes(rest[:PIECE]))
            rest = rest[PIECE:]
        self._unparsed = b"" if self._is_over else bytes(rest)
        self._read_on()

    def _read_on(self) -> None:
        """Parse the rest, or read more, unless the application first has to take the messages that are here."""
        if self._unparsed and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        if self._app_is_behind:
            return
        if self._unparsed:
            self.loop.call_soon(self._parse)
        elif self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    @property
    def _is_over(self) -> bool:
        return self.conn.eof_sent or self.transport.is_closing()

    @property
    def _app_is_behind(self) -> bool:
        return not (self.close_sent or self.queue.empty())

    async def receive(self) -> Any:
        """As uvicorn's, but parse the rest before more is read."""
        message = await super().receive()
        if self._unparsed and self.queue.empty():
            self._read_on()
        return message

    def _parse_piece(self, piece: bytes) -> None:
        self._arriving += len(piece)
        if not self._hold(len(piece)):
            self._fail(1013, "the service has no room for this message")
            return
        super().data_received(piece)
        if self.conn.eof_sent:
            return
        if self._arriving > self._limits.most_bytes + WRAPPING:
            self._fail(1009, "the message is too large")
        elif self._arriving and self._late is None:
            self._late = self.loop.call_later(self._limits.within_s, self._all.drop, self, "slow")

    def send_receive_event_to_app(self) -> None:
        """A message is complete."""
        self._message_is_here()
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """As uvicorn's, which takes a handshake that was answered with a problem for one without an answer."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True
        if self.close_sent and self._unparsed:
            self._read_on()

    def handle_ping(self) -> None:
        """Answer a ping, unless the client does not read."""
        answer = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(answer)

    def handle_parser_exception(self) -> None:
        """Close because of a fault of the client, as uvicorn does, but so that it can read why.

        Closing a connection with unread data resets it. So this side only ends what it sends, and the client closes the
        connection.
        """
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.write_eof()
        self.transport.resume_reading()
        self.close_sent = True
        self._abort_later()

    def keepalive_timeout(self) -> None:
        """No answer to a ping: the client is gone, or a message is arriving, which a pong cannot interrupt."""
        if self._latest_data > self.ping_sent_at:
            self.pong_timer = self.pending_ping_payload = None
            self.schedule_ping()
        else:
            self._all.drop(self, "silent")

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        """The application is done. The client has a while to take what was written."""
        super().on_task_complete(task)
        self._abort_later()

    def shutdown(self) -> None:
        """The process ends. The application closes an open WebSocket itself, after its last answer."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()

    def pause_writing(self) -> None:
        """More is written than the kernel takes: watch whether the client reads."""
        super().pause_writing()
        self._slow_client.start()
        self._all.waits_for_reader(self)

    def resume_writing(self) -> None:
        """The client has read most of it."""
        super().resume_writing()
        self._all.is_read(self)
        self._slow_client.stop()

    def close(self) -> None:
        """Close as soon as the client has taken what was written."""
        self.transport.close()

    def _hold(self, count: int) -> bool:
        held = self._limits.room.take(count)
        self._held += count if held else 0
        return held

    def _message_is_here(self) -> None:
        """Begin to count the next message."""
        self._limits.room.take(-self._held)
        self._arriving = self._held = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _fail(self, code: int, why: str) -> None:
        self.conn.fail(code, why)
        if self.conn.close_sent is None:  # nothing can be said before the handshake
            self.transport.abort()
        else:
            self.handle_parser_exception()

    def _abort_later(self) -> None:
        self.loop.call_later(LAST_S, self.transport.abort)
