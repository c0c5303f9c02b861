"""The one hot route, past FastAPI's router, dependencies and stacks: a fifth of a request's CPU beside its frame."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.problems import on_bad_parameter, on_service_error
from service.errors import ServiceError

TRACED: Final = "fastapi.telemetry"  # FastAPI's router tells its traces the route


class Shortcut:
    """Pure ASGI middleware.

    Args:
        path, method: of the requests that take it.
        route: the same route among FastAPI's, which documents it, traces it and refuses other methods.
        endpoint: makes the response.
    """

    def __init__(
        self, app: ASGIApp, path: str, method: str, route: BaseRoute, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self._app, self._path, self._method = app, path, method
        self._route, self._endpoint = route, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once, or pass on."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != self._method or TRACED in scope:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._endpoint(request)
        except ServiceError as fault:
            return await on_service_error(request, fault)
        except RequestValidationError as fault:
            return await on_bad_parameter(request, fault)
