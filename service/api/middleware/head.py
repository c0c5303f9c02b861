"""``HEAD`` wherever ``GET`` is: the same status and headers, without the body (RFC 9110, section 9.3.2)."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

HEAD: Final = "HEAD"
GET: Final = "GET"
ROUTE: Final = "route"


class Head:
    """Pure ASGI middleware: the routes see ``GET``; uvicorn, who knows better, leaves out the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as a ``GET``."""
        if scope["type"] != "http" or scope["method"] != HEAD:
            await self._app(scope, receive, send)
            return
        as_get: Scope = {**scope, "method": GET}
        try:
            await self._app(as_get, receive, send)
        finally:
            if ROUTE in as_get:  # which the account of this answer tells
                scope[ROUTE] = as_get[ROUTE]


def with_head(allowed: str) -> str:
    """The header ``Allow`` of a route, from what FastAPI says of it."""
    return f"{allowed}, {HEAD}" if allowed == GET else allowed
