"""Serves the application below a path, as a proxy in front of it does."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Below:
    """ASGI middleware that names the path before every route, whether or not the proxy removes it from requests.

    Args:
        path: such as ``/infrared``.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on (ASGI specification, ``root_path``)."""
        await self._app({**scope, "root_path": self._path}, receive, send)
