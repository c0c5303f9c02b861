"""Who may come in: requests need a key where the operator names a file of them."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.openapi import headers
from service.api.pages import docs
from service.api.pages import playground as page
from service.api.problems import problem
from service.errors import Reason, ServiceError
from service.keys import Keys

HEALTH: Final = {"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"}
OPEN: Final = HEALTH | {page.PATH, *page.LOADED, docs.DOCUMENT, docs.PATH, docs.SCRIPT, docs.STYLE}
KEY: Final = "key"  # in the state of a request: the name of its key
CHALLENGE: Final = {headers.CHALLENGE: 'Bearer realm="rrcanet"'}


class RequireApiKey:
    """Pure ASGI middleware; health and the static pages need no key.

    Args:
        keys: None lets everybody in.
    """

    def __init__(self, app: ASGIApp, keys: Keys | None) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it with 401."""
        if self._keys is None or scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        owners = [owner for key in _given(request.headers) if (owner := self._keys.owner(key))]
        if not owners:
            refusal = ServiceError(Reason.UNAUTHORIZED, "a valid key is needed: Authorization: Bearer, or X-API-Key")
            await problem(request, refusal, CHALLENGE)(scope, receive, send)
            return
        scope["state"][KEY] = owners[0]
        await self._app(scope, receive, send)


def _given(headers: Mapping[str, str]) -> list[str]:
    """Every key that came: a gateway may have put a token of its own into ``Authorization``."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return [token.strip() if scheme.lower() == "bearer" else "", headers.get("x-api-key", "")]
