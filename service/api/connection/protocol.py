"""Uvicorn's HTTP/1.1 with bounds on what comes before a body and after its answer: bytes, and time.

Uvicorn keeps reading heads of any size, waits for ever for the first request of a connection, reads for ever what
comes of a body that was answered before its end, and keeps for ever an answer that is not read.
"""

import asyncio
import uuid
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.connection.slow_client import SlowClientTimer
from service.api.connection.upgrade import Parser
from service.api.middleware import request_log
from service.api.middleware.envelope import LEFT
from service.api.problems import MEDIA_TYPE, problem_body
from service.errors import Reason, ServiceError

HEAD_BYTES: Final = 32_768
HEAD_TIMEOUT_S: Final = 10.0
REST_TIMEOUT_S: Final = 10.0  # for the rest of an answered body; closing at once would take the answer from its sender


class _Answering:
    """What a request answers through: it is not closed before its body is here, or the sender would lose the answer.

    Closing resets a connection on which anything is unread (RFC 9112, section 9.6).
    """

    def __init__(self, protocol: "BoundedHttp") -> None:
        self._protocol = protocol
        self.write, self.is_closing = protocol.transport.write, protocol.transport.is_closing

    def close(self) -> None:
        """Now, or as soon as the body has arrived."""
        if not self._protocol.receives_what_was_answered:
            self._protocol.close()


class BoundedHttp(HttpToolsProtocol):
    """Answers a head that is too large with 431, closes a connection whose head does not arrive."""

    _timer: asyncio.TimerHandle | None = None
    _in_head, _received, _parsed = True, 0, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is due."""
        super().connection_made(transport)
        self.parser: Parser = Parser(self)
        self._left: asyncio.Future[None] = self.loop.create_future()
        self._answering = _Answering(self)
        self._unread = SlowClientTimer(transport, self.loop)
        self._close_in(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more, and whoever works for this client may stop."""
        self._stop_timer()
        self._unread.end()
        self._left.set_result(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Refuse before an unfinished head grows beyond its bound."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._received += len(data)
        super().data_received(data)
        if self._timer is None and self._awaits_head:
            self._close_in(HEAD_TIMEOUT_S)
        if self._in_head and self._received > HEAD_BYTES and not self.transport.is_closing():
            self._refuse(Reason.HEADERS_TOO_LARGE, f"the head is larger than {HEAD_BYTES} bytes")

    @property
    def receives_what_was_answered(self) -> bool:
        """Whether the body of the latest request goes on after its answer."""
        return self.cycle.response_complete and self.cycle.more_body

    @property
    def _awaits_head(self) -> bool:
        """Whether a head goes on, or none has begun: uvicorn takes line ends between requests for a sign of life."""
        return self._in_head or (self.cycle is not None and self.cycle.response_complete)

    def on_message_begin(self) -> None:
        """Another head begins, on a connection that may be old; it has its time if it is not here at once."""
        super().on_message_begin()
        self.scope["state"][LEFT] = self._left
        self._in_head, self._received, self._parsed = True, 0, 0
        self._stop_timer()

    def on_url(self, url: bytes) -> None:
        """Counts towards the head."""
        self._parsed += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Counts towards the head."""
        self._parsed += len(name) + len(value) + 4
        if self._parsed <= HEAD_BYTES:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is here; it may have come in one piece with its body, so its own size is looked at."""
        self._in_head = False
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self._parsed > HEAD_BYTES:
            self._refuse(Reason.HEADERS_TOO_LARGE, f"the head is larger than {HEAD_BYTES} bytes")
            return
        self.parser.ignore_offer(self.url, self.headers)
        if not self.parser.ignores_head:
            super().on_headers_complete()
            self.cycle.transport = self._answering  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """A refused request has no cycle to take its body."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """As ``on_body``; a connection that only waited for this closes."""
        if self.transport.is_closing() or self.parser.ignores_head:
            return
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()  # the body's size may have paused it, and only who reads sees a client leave
        if self.cycle.response_complete and not self.cycle.keep_alive:
            self.close()

    def on_response_complete(self) -> None:
        """If the body goes on, it may do so for a while; another request on this connection ends the while."""
        super().on_response_complete()
        if self.receives_what_was_answered:
            self._close_in(REST_TIMEOUT_S)

    def send_400_response(self, msg: str) -> None:
        """Uvicorn's answer to bytes that are no HTTP."""
        self._refuse(Reason.BAD_PARAMETER, msg)

    def _refuse(self, reason: Reason, detail: str) -> None:
        request_id = uuid.uuid4().hex
        body = problem_body(ServiceError(reason, detail), request_id)
        head = (
            f"HTTP/1.1 {reason.status.value} {reason.status.phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.close()
        self.app_state[request_log.STATE].record("-", reason.status.value, request_id, reason=reason.value)

    def close(self) -> None:
        """As soon as what was written is taken."""
        if not self.transport.is_closing():
            self._unread.begin()
            self.transport.close()

    def shutdown(self) -> None:
        """As uvicorn's."""
        if self.cycle is None or self.cycle.response_complete:
            self.close()
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """As uvicorn's."""
        self.close()

    def pause_writing(self) -> None:
        """More is written than the kernel took."""
        super().pause_writing()
        self._unread.begin()

    def resume_writing(self) -> None:
        """Most of it is taken; what a closed connection still holds must be, too."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._unread.end()

    def _close_in(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
