"""The envelope of a WebSocket: its request id, its line in the log, and errors before and after it is accepted."""

import time
from http import HTTPStatus
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.middleware.envelope import CLIENT_LEFT, REQUEST_ID, explain, known_of, request_id_of, restrict
from service.api.problems import problem
from service.observability.logs import UNMATCHED, RequestLog

DENIAL: Final = "websocket.http.response"  # the ASGI extension that answers a handshake with an HTTP response
REFUSED: Final = 1008
FAILED: Final = 1011


class Handshake:
    """One WebSocket."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, log: RequestLog) -> None:
        self._scope, self._receive, self._send, self._log = scope, receive, send, log
        self._began = time.monotonic()
        self._status: int | None = None
        self._closed = False
        self._state: dict[str, object] = scope.setdefault("state", {})
        self._state[REQUEST_ID] = request_id_of(scope["headers"])

    async def run(self, app: ASGIApp) -> None:
        """Serve the WebSocket and record it when it is over."""
        try:
            await app(self._scope, self._receive, self._send_noted)
        except Exception as fault:
            error = explain(fault, self._state[REQUEST_ID])
            if self._status is None:
                await problem(HTTPConnection(self._scope), error)(self._scope, self._receive, self._send_noted)
            elif not self._closed:
                await self._send_noted({"type": "websocket.close", "code": FAILED, "reason": error.detail})
        finally:
            self._record()

    async def _send_noted(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._status = HTTPStatus.SWITCHING_PROTOCOLS
            message["headers"] = [*message.get("headers", []), self._id_header]
        elif kind == f"{DENIAL}.start":
            self._status = message["status"]
            headers = message["headers"] = [*message["headers"], self._id_header]
            restrict(headers)
        elif kind == "websocket.close":
            self._status = self._status or HTTPStatus.FORBIDDEN
            self._closed = True
        if kind.startswith(DENIAL) and DENIAL not in self._scope.get("extensions", {}):
            if kind == f"{DENIAL}.start":  # this server cannot send a problem; it answers with 403
                await self._send({"type": "websocket.close", "code": REFUSED})
            return
        await self._send(message)

    @property
    def _id_header(self) -> tuple[bytes, bytes]:
        return b"x-request-id", str(self._state[REQUEST_ID]).encode()

    def _record(self) -> None:
        route = getattr(self._scope.get("route"), "path", UNMATCHED)
        status = self._status or CLIENT_LEFT
        elapsed, reason = time.monotonic() - self._began, self._state.get("reason")
        known = known_of(self._scope, self._state)
        self._log.record("GET", status, self._state[REQUEST_ID], route, reason, elapsed, known)
