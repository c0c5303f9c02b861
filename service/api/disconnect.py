"""Notices under any ASGI server that a client has gone.

``rrcanet serve`` does without: its own protocol knows (``connection/protocol.py``).
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.middleware.envelope import LEFT


class NoticeDisconnect:
    """ASGI middleware around the whole application: gives each request the future that is done when its client goes.

    A server says so by ``http.disconnect`` to whoever asks after the body (ASGI specification, HTTP). So the middleware
    asks as soon as the body is complete.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = _Client(receive, send)
        state = {**scope.get("state", {}), LEFT: client.left}
        try:
            await self._app({**scope, "state": state}, client.receive, client.send)
        finally:
            client.forget()


class _Client:
    """The two directions of one request."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watching: asyncio.Task[None] | None = None

    async def receive(self) -> Message:
        """The next piece of the body; afterwards the disconnect, once it happens."""
        if self._watching is not None:
            await self._watching
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._leave()
        elif not message.get("more_body", False):
            self._watching = asyncio.create_task(self._watch())
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer. After the last part, a disconnect is the usual end."""
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.forget()
        await self._send(message)

    def forget(self) -> None:
        """Look no further."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        if not self.left.done():
            self.left.set_result(None)
