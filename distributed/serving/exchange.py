"""What differs for a request that comes through Ray's proxy."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

METRICS: Final = "/metrics"
REQUEST_ID: Final = b"x-request-id"
LENGTH: Final = b"content-length"
DISCONNECT: Final = {"type": "http.disconnect"}

AllMetrics = Callable[[], Awaitable[bytes]]


class OverRay:
    """ASGI middleware around the whole application.

    Args:
        app: the application of one process.
        all_metrics: gives the metrics of all replicas.
    """

    def __init__(self, app: ASGIApp, all_metrics: AllMetrics) -> None:
        self._app, self._all_metrics = app, all_metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, a stream or the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        is_metrics = scope["path"] == scope.get("root_path", "") + METRICS
        await _serve(self._app, scope, receive, answer.send_with(self._all_metrics) if is_metrics else answer.send)


async def _serve(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Ray cancels a request whose client has left; the application hears it as the ASGI specification says it."""
    incoming = _Incoming(receive)
    task = asyncio.ensure_future(app(scope, incoming.receive, send))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        incoming.leave()
        await asyncio.wait([task])
        raise


class _Incoming:
    """The body of one request, until its client leaves."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def receive(self) -> Message:
        """The next piece of the body, or the disconnect."""
        piece = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((piece, self._left), return_when=asyncio.FIRST_COMPLETED)
            return piece.result() if piece.done() else DISCONNECT
        finally:
            piece.cancel()

    def leave(self) -> None:
        """The client has left."""
        self._left.set_result(None)


class _Answer:
    """The answer to one request.

    Ray's proxy gives each request an id, if it has none, and writes it into the answer. So a second header with the
    same id must not be there.
    """

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._added = next(((name, value) for name, value in scope["headers"] if name == REQUEST_ID), None)

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start" and self._added is not None:
            message["headers"] = [header for header in message["headers"] if tuple(header) != self._added]
        await self._send(message)

    def send_with(self, all_metrics: AllMetrics) -> Send:
        """Sends the metrics of all replicas in place of those of this one, to all who may see them."""
        start: dict[str, Any] = {}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif start["status"] == 200:
                body = await all_metrics()
                headers = [header for header in start["headers"] if header[0] != LENGTH]
                headers.append((LENGTH, str(len(body)).encode()))
                await self.send({**start, "headers": headers})
                await self._send({"type": "http.response.body", "body": body})
            else:
                await self.send(dict(start))
                await self._send(message)

        return send
