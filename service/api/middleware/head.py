"""Allows ``HEAD`` on every route with ``GET``: the same status and headers without the body (RFC 9110, 9.3.2)."""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

HEAD: Final = "HEAD"
GET: Final = "GET"
ROUTE: Final = "route"


class Head:
    """ASGI middleware: routes see ``GET`` in place of ``HEAD``. Uvicorn knows the real method and sends no body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass ``HEAD`` on as ``GET``."""
        if scope["type"] != "http" or scope["method"] != HEAD:
            await self._app(scope, receive, send)
            return
        as_get: Scope = {**scope, "method": GET}
        try:
            await self._app(as_get, receive, send)
        finally:
            if ROUTE in as_get:  # the request log needs the route
                scope[ROUTE] = as_get[ROUTE]


def with_head(allowed: str) -> str:
    """The header ``Allow`` of a route, with ``HEAD`` added to FastAPI's value."""
    return f"{allowed}, {HEAD}" if allowed == GET else allowed
