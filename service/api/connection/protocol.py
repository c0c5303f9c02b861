"""Uvicorn's HTTP/1.1 protocol with limits on the size of headers and on the time of every wait.

Uvicorn has no limit for the size of headers. It has no timeout for the first request of a connection, for the rest of a
body that is answered before its end, and for an answer that the client does not read.
"""

import asyncio
import sys
import uuid
from collections.abc import Iterable
from typing import Final

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.connection.handshake import is_handshake
from service.api.connection.limits import CONNECTIONS, Connections
from service.api.connection.slow_client import SlowClientTimer
from service.api.middleware.envelope import LEFT, REQUEST_LOG, restrict
from service.api.problems import MEDIA_TYPE, problem_body
from service.errors import NO_MEMORY, Reason, ServiceError

HEAD_BYTES: Final = 32_768
HEAD_TIMEOUT_S: Final = 10.0
MOST_PIPELINED: Final = 32  # requests that are sent before the answer to an earlier one; few clients send any
REST_TIMEOUT_S: Final = 10.0  # for the rest of an answered body; if it closed at once, the client could lose the answer

Header = tuple[bytes, bytes]


class Parser(HttpRequestParser):
    """httptools' parser, which ignores offers to upgrade, as RFC 9110, section 7.8 allows, but for accepted ones.

    After a header ``Upgrade``, httptools treats the body as data of the other protocol. Java's HttpClient and
    ``curl --http2`` offer h2c with every first request. So headers with an offer are parsed a second time, without it.
    """

    _again, _accepts = b"", False
    has_rest = False  # behind the headers with an accepted offer

    def __init__(self, receiver: object) -> None:
        self._receiver = receiver
        self._begin()

    def _begin(self) -> None:
        super().__init__(self._receiver)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    @property
    def ignores_head(self) -> bool:
        """Whether the headers that are complete now will be parsed again; call it within callbacks of the parser."""
        return bool(self._again)

    def ignore_offer(self, url: bytes, headers: Iterable[Header]) -> None:
        """Drop the offer from complete headers, if there is one; CONNECT is none, though httptools treats it as one."""
        if self.should_upgrade() and self.get_method() != b"CONNECT":
            self._again = b"".join(
                [
                    b"%b %b HTTP/%b\r\n" % (self.get_method(), url, self.get_http_version().encode()),
                    *[b"%b: %b\r\n" % header for header in headers if header[0] != b"upgrade"],
                    b"\r\n",
                ]
            )

    def accept_offer(self) -> None:
        """Let ``feed_data`` raise ``HttpParserUpgrade`` for the headers that are complete now."""
        self._accepts = True

    def feed_data(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override]
        """Parse data as httptools does, but raise ``HttpParserUpgrade`` only for an accepted offer."""
        rest = data
        while rest:
            try:
                return super().feed_data(rest)
            except HttpParserUpgrade as offer:
                rest = memoryview(rest)[offer.args[0] :]
                if self._accepts:
                    self.has_rest = bool(rest)
                    raise
                head, self._again = self._again, b""
                self._begin()  # a parser that has seen "Connection: close" parses no further headers
                super().feed_data(head)
        return None


class _LateClosing:
    """The transport that a request's answer is written to. It closes only after the request's body has arrived.

    Closing a connection with unread data resets it, and the client could lose the answer (RFC 9112, section 9.6).
    """

    def __init__(self, protocol: "BoundedHttp") -> None:
        self._protocol = protocol
        self.write, self.is_closing = protocol.transport.write, protocol.transport.is_closing

    def close(self) -> None:
        """Close now, or as soon as the body has arrived."""
        if not self._protocol.receives_what_was_answered:
            self._protocol.close()


class BoundedHttp(HttpToolsProtocol):
    """Answers headers that are too large with 431, and closes connections on which headers do not arrive in time."""

    _timer: asyncio.TimerHandle | None = None
    _upgrades = False
    _in_head, _received, _parsed = True, 0, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout for the headers of the first request."""
        super().connection_made(transport)
        self._all: Connections = self.app_state[CONNECTIONS]
        self.parser: Parser = Parser(self)
        self._left: asyncio.Future[None] = self.loop.create_future()
        self._late_closing = _LateClosing(self)
        self._slow_client = SlowClientTimer(transport, self.loop, lambda: self._all.drop(self, "unread"))
        if self._all.enter(self):
            self._close_in(HEAD_TIMEOUT_S)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers, and the work for requests of this client."""
        self._stop_timer()
        self._slow_client.stop()
        self._all.leave(self)
        self._left.set_result(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Refuse unfinished headers that are already too large."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._received += len(data)
        super().data_received(data)
        if self._upgrades:
            return
        if self._timer is None and self._awaits_head:
            self._close_in(HEAD_TIMEOUT_S)
        if self._in_head and self._received > HEAD_BYTES and not self.transport.is_closing():
            self._refuse_large_head()

    @property
    def receives_what_was_answered(self) -> bool:
        """Whether the body of the last request is still arriving although the answer is complete."""
        return self.cycle.response_complete and self.cycle.more_body

    @property
    def _awaits_head(self) -> bool:
        """Whether headers are due. Uvicorn stops its keep-alive timeout even for line ends between requests."""
        return self._in_head or (self.cycle is not None and self.cycle.response_complete)

    def on_message_begin(self) -> None:
        """Begin to count the headers of the next request; their timeout starts if they are not complete at once."""
        if self.transport.is_closing():
            return
        if len(self.pipeline) >= MOST_PIPELINED:  # all that arrives at once is parsed at once
            self._all.drop(self, "pipelined")
            return
        super().on_message_begin()
        self.scope["state"][LEFT] = self._left
        self._in_head, self._received, self._parsed = True, 0, 0
        self._stop_timer()

    def on_url(self, url: bytes) -> None:
        """Count the address towards the size of the headers."""
        self._parsed += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count the header towards the size of the headers."""
        self._parsed += len(name) + len(value) + 4
        if self._parsed <= HEAD_BYTES:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the size of the headers again, without a body that arrived together with them."""
        self._in_head = False
        self._stop_timer()
        self._all.idle.pop(self, None)
        if self.transport.is_closing():
            return
        if self._parsed > HEAD_BYTES:
            self._refuse_large_head()
            return
        if self._is_handshake():
            self._upgrades = True
            self.parser.accept_offer()
            super().on_headers_complete()
            return
        self.parser.ignore_offer(self.url, self.headers)
        if not self.parser.ignores_head:
            super().on_headers_complete()
            self.cycle.transport = self._late_closing  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Ignore the body of a refused request, which has no cycle."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """As ``on_body``; then close a connection that only waited for the end of the body."""
        if self.transport.is_closing() or self.parser.ignores_head or self._upgrades:
            return
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()  # a large body may have paused it; only while reading, a disconnect is noticed
        if self.cycle.response_complete and not self.cycle.keep_alive:
            self.close()

    def on_response_complete(self) -> None:
        """Start the timeout for the rest of the body; the next request on this connection stops it."""
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._all.idle[self] = None
        if self.receives_what_was_answered:
            self._close_in(REST_TIMEOUT_S)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to the WebSocket protocol. Clients must wait for the answer (RFC 6455, section 4.1)."""
        if self.parser.has_rest:
            self._all.drop(self, "pipelined")
            return
        self._slow_client.stop()
        self._all.leave(self)
        super().handle_websocket_upgrade()

    def _should_upgrade(self) -> bool:
        return self._upgrades

    def _is_handshake(self) -> bool:
        """Whether the headers open a WebSocket at a route that has one, and no earlier request awaits its answer."""
        is_free = self.cycle is None or self.cycle.response_complete
        return is_free and self.parser.should_upgrade() and is_handshake(self.parser, self.url, self.headers)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP, or for which there is no memory: the parser hides why its callback failed."""
        fault = sys.exc_info()[1]
        if fault is not None and isinstance(fault.__context__, MemoryError):
            self._refuse(Reason.OUT_OF_MEMORY, NO_MEMORY)
        else:
            self._refuse(Reason.BAD_PARAMETER, msg)

    def _refuse_large_head(self) -> None:
        detail = f"the address and the headers together are larger than {HEAD_BYTES} bytes"
        self._refuse(Reason.HEADERS_TOO_LARGE, detail)

    def _refuse(self, reason: Reason, detail: str) -> None:
        request_id = uuid.uuid4().hex
        body = problem_body(ServiceError(reason, detail), request_id)
        retry = "retry-after: 1\r\n" if reason is Reason.OUT_OF_MEMORY else ""
        head = (
            f"HTTP/1.1 {reason.status.value} {reason.status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n{retry}"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n"
        )
        policy: list[Header] = []
        restrict(policy)
        lines = b"".join([b"%b: %b\r\n" % line for line in policy])
        self.transport.write(head.encode() + lines + b"\r\n" + body)
        self.close()
        self.app_state[REQUEST_LOG].record("-", reason.status.value, request_id, reason=reason.value)

    def close(self) -> None:
        """Close as soon as the client has taken what was written."""
        if not self.transport.is_closing():
            self._slow_client.start()
            self.transport.close()

    def shutdown(self) -> None:
        """As uvicorn's, but with ``close`` of this class."""
        if self.cycle is None or self.cycle.response_complete:
            self.close()
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """As uvicorn's, but with ``close`` of this class."""
        self.close()

    def pause_writing(self) -> None:
        """More is written than the kernel takes: watch whether the client reads."""
        super().pause_writing()
        self._slow_client.start()
        self._all.waits_for_reader(self)

    def resume_writing(self) -> None:
        """The client has read most of it. On a closing connection it must read the rest too."""
        super().resume_writing()
        self._all.is_read(self)
        if not self.transport.is_closing():
            self._slow_client.stop()

    def _close_in(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
