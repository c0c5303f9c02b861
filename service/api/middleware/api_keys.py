"""Refuses requests without a valid API key, if the operator has set a file of keys."""

import base64
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
        checked_later: beginnings of paths whose routes check the key themselves, because it is in the body.
    """

    def __init__(self, app: ASGIApp, keys: Keys, checked_later: tuple[str, ...] = ()) -> None:
        self._app, self._keys, self._checked_later = app, keys, checked_later

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401."""
        if scope["type"] not in CHECKED or self._needs_no_key(get_route_path(scope)):
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        owner = owner_of(request.headers, self._keys)
        if owner is None:
            refusal = ServiceError(
                Reason.UNAUTHORIZED,
                "this service needs a valid API key; send it as Authorization: Bearer KEY or X-API-Key: KEY",
            )
            await problem(request, refusal, CHALLENGE)(scope, receive, send)
            return
        scope["state"][KEY] = owner
        await self._app(scope, receive, send)

    def _needs_no_key(self, path: str) -> bool:
        return path in OPEN or path.startswith(self._checked_later)


def owner_of(headers: Mapping[str, str], keys: Keys) -> str | None:
    """The name of a valid key in the headers: a gateway may have put its own token into ``Authorization``."""
    given = (_authorized(headers.get("authorization", "")), headers.get("x-api-key", ""))
    return next((owner for key in given if (owner := keys.owner(key))), None)


def _authorized(header: str) -> str:
    """The key in ``Authorization``: a token, or the password of programs that know only names and passwords."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(token.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""
