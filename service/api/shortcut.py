"""The hot route, past FastAPI's middleware, router and dependencies: a fifth of a request's CPU beside its frame."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from service.api.problems import on_bad_parameter, on_service_error
from service.errors import ServiceError


class Shortcut:
    """Pure ASGI middleware.

    Args:
        api: where every other request goes.
        path, method: of the requests that take it.
        route: the same route among FastAPI's, which documents it, traces it and refuses other methods.
        endpoint: makes the response.
    """

    def __init__(
        self, api: FastAPI, path: str, method: str, route: BaseRoute, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self._api, self._path, self._method = api, path, method
        self._route, self._endpoint = route, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once, or pass on."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != self._method:
            await self._api(scope, receive, send)
            return
        scope["app"] = self._api  # as FastAPI's own call does
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
