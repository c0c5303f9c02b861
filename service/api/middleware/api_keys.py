"""Refuses requests without a valid API key, if the operator has set a file of keys."""

from collections.abc import Mapping
from typing import Final

from starlette._utils import get_route_path
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.openapi import headers
from service.api.pages import docs
from service.api.pages import playground as page
from service.api.problems import problem
from service.errors import Reason, ServiceError
from service.keys import Keys

HEALTH: Final = {"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"}
OPEN: Final = HEALTH | {page.PATH, *page.LOADED, docs.DOCUMENT, docs.PATH, docs.SCRIPT, docs.STYLE}
CHECKED: Final = ("http", "websocket")  # other scopes carry nothing of a client
KEY: Final = "key"  # the state of a request holds the name of its key under this name
CHALLENGE: Final = {headers.CHALLENGE: 'Bearer realm="rrcanet"'}


class RequireApiKey:
    """ASGI middleware that checks API keys; health and static pages need no key.

    Args:
        app: the next application.
        keys: the valid keys.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] not in CHECKED or get_route_path(scope) in OPEN:
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        owners = [owner for key in _given(request.headers) if (owner := self._keys.owner(key))]
        if not owners:
            refusal = ServiceError(
                Reason.UNAUTHORIZED,
                "this service needs a valid API key; send it as Authorization: Bearer KEY or X-API-Key: KEY",
            )
            await problem(request, refusal, CHALLENGE)(scope, receive, send)
            return
        scope["state"][KEY] = owners[0]
        await self._app(scope, receive, send)


def _given(headers: Mapping[str, str]) -> list[str]:
    """Both keys of a request: a gateway may have put its own token into ``Authorization``."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return [token.strip() if scheme.lower() == "bearer" else "", headers.get("x-api-key", "")]
