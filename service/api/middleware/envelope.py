"""Adds request id, timing and a browser policy to every answer, records it, and turns exceptions into errors.

``HEAD`` is answered on every route with ``GET``: the same status and headers without the body (RFC 9110, 9.3.2).
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.middleware import api_keys
from service.api.problems import problem
from service.errors import NO_MEMORY, Reason, ServiceError
from service.observability.logs import UNMATCHED, RequestLog
from service.observability.timing import Timing

ACCEPTABLE_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
REQUEST_LOG: Final = "request_log"  # in the state that the server shares with the application
REQUEST_ID: Final = "request_id"  # in the state of a request
TIMING: Final = "timing"  # likewise, its Timing: for the header, and for how much was found in the log
MODEL: Final = "model"  # likewise, name and version of its model: fields of the log
LENGTH: Final = b"content-length"
LEFT: Final = "left"  # likewise, a future that is done when the connection is lost
POLICY: Final = b"content-security-policy"
NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
NOTHING: Final = (POLICY, b"default-src 'none'; frame-ancestors 'none'")  # where a page has no policy of its own
CLIENT_LEFT: Final = 499  # the client closed the connection before the answer began; only the log has this status

logger = logging.getLogger(__name__)


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app, self._log = app, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and record its answer."""
        if scope["type"] == "websocket":
            from service.api.middleware.handshake import Handshake  # a plain request does not need it

            await Handshake(scope, receive, send, self._log).run(self._app)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Exchange(scope, receive, send, self._log).run(self._app)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, log: RequestLog) -> None:
        # routes see GET in place of HEAD; uvicorn knows the real method and sends no body
        self._routed: Scope = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        self._scope, self._receive, self._send, self._log = scope, receive, send, log
        self._began = time.monotonic()
        self._status: int | None = None
        self._state: dict[str, object] = self._routed.setdefault("state", {})
        self._state[REQUEST_ID] = request_id_of(scope["headers"])

    async def run(self, app: ASGIApp) -> None:
        """Serve the request. A client that closes its connection cancels it, so that the device does no work for it."""
        task, left = asyncio.current_task(), self._state.get(LEFT)
        assert task is not None

        def cancel(_: object) -> None:
            task.cancel()

        if isinstance(left, asyncio.Future):
            left.add_done_callback(cancel)
        try:
            await app(self._routed, self._receive, self._send_with_headers)
        except (Exception, asyncio.CancelledError) as fault:
            error = self._explain(fault)
            if self._status is not None:
                raise  # part of an answer is sent already, so the connection must be closed
            await problem(Request(self._scope), error)(self._scope, self._receive, self._send_with_headers)
        finally:
            if isinstance(left, asyncio.Future):
                left.remove_done_callback(cancel)
            self._record()

    def _explain(self, fault: BaseException) -> ServiceError:
        if isinstance(fault, asyncio.CancelledError):
            if self._client_left:
                return ServiceError(Reason.REQUEST_TIMEOUT, "the client disconnected before the answer was ready")
            detail = "the process was stopped before the answer was ready; try again"
            return ServiceError(Reason.DRAINING, detail, retry_after_s=1)
        return explain(fault, self._state[REQUEST_ID])

    async def _send_with_headers(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = CLIENT_LEFT if self._client_left else message["status"]
            headers = message["headers"] = [
                *message["headers"],
                (b"x-request-id", str(self._state[REQUEST_ID]).encode()),
            ]
            timing = self._state.get(TIMING)
            if isinstance(timing, Timing) and timing.ended is not None:
                durations = ", ".join([f"{name};dur={value:.3f}" for name, value in timing.finish().items()])
                headers.append((b"server-timing", durations.encode()))
            restrict(headers)
        await self._send(message)

    @property
    def _client_left(self) -> bool:
        return has_left(self._state)

    def _record(self) -> None:
        route = getattr(self._routed.get("route"), "path", UNMATCHED)
        status = self._status or CLIENT_LEFT
        reason = self._state.get("reason") if status != CLIENT_LEFT else None
        elapsed = time.monotonic() - self._began
        known = known_of(self._scope, self._state)
        self._log.record(self._scope["method"], status, self._state[REQUEST_ID], route, reason, elapsed, known)


def known_of(scope: Scope, state: Mapping[str, object]) -> dict[str, object]:
    """Further fields of a request for the log; None for what is not known."""
    model, timing, client = state.get(MODEL), state.get(TIMING), scope.get("client")
    return {
        "path": scope["path"],
        "client": client[0] if client else None,
        "bytes": next((int(value) for name, value in scope["headers"] if name == LENGTH and value.isdigit()), None),
        **(model if isinstance(model, dict) else {}),
        **(
            {"frames": timing.frames, "targets": timing.targets} if isinstance(timing, Timing) and timing.frames else {}
        ),
        "key": state.get(api_keys.KEY),
    }


def has_left(state: Mapping[str, object]) -> bool:
    """Whether the client of the request with this state has closed its connection."""
    left = state.get(LEFT)
    return isinstance(left, asyncio.Future) and left.done()


def explain(fault: BaseException, request_id: object) -> ServiceError:
    """The error that a caller gets for an exception; call it while the exception is handled."""
    if isinstance(fault, ServiceError):
        return fault.bare()  # the fault itself holds this frame
    if isinstance(fault, MemoryError):
        return ServiceError(Reason.OUT_OF_MEMORY, NO_MEMORY, retry_after_s=1)
    logger.exception("internal error, request %s", request_id)
    return ServiceError(Reason.INTERNAL, "this is a bug in the service; its log has details under the request id")


def restrict(headers: list[tuple[bytes, bytes]]) -> None:
    """Add the headers that keep a browser from taking an answer for a page, a script or a part of another page."""
    headers.append(NO_SNIFFING)
    if POLICY not in [name for name, _ in headers]:
        headers.append(NOTHING)


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that the caller gave, or a new random one. It is no secret, so ``random`` is good enough."""
    given = next((value for name, value in headers if name == b"x-request-id"), b"")
    return given.decode() if ACCEPTABLE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
