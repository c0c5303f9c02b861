"""The ASGI application: routes, errors, and the middleware around every answer."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import metadata
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from service.api import health, limits, models, openinference
from service.api.adapters.enabled import adapter_routers, paths_with_key_in_body
from service.api.body import BodyRoom
from service.api.connection.limits import CONNECTIONS, MESSAGES, Connections, Messages
from service.api.detect import route as detect
from service.api.middleware.api_keys import HEALTH, RequireApiKey
from service.api.middleware.below import Below
from service.api.middleware.cors import allow_origins
from service.api.middleware.envelope import REQUEST_LOG, Envelope
from service.api.openapi.document import Documented, operation_id
from service.api.openapi.introduction import introduction
from service.api.pages.docs import add_docs
from service.api.pages.playground import add_page
from service.api.problems import on_bad_parameter, on_http_error, on_service_error
from service.api.stream import route as stream
from service.errors import ServiceError
from service.observability.logs import RequestLog
from service.server.state import LAST_RUN_S, ServerState

DISTRIBUTION: Final = "rrcanet-serve"


Shared = dict[str, object]  # what the lifespan gives to the state of every request
Lifespan = Callable[[Shared], AbstractAsyncContextManager[Shared]]


def create_app(state: ServerState, most_connections: int | None = None, around: Lifespan | None = None) -> FastAPI:
    """The application of one process. Models are loaded when the server starts.

    Args:
        state: of the process.
        most_connections: where the limit of file descriptors allows fewer than the setting.
        around: the lifespan, in place of ``lifespan``.
    """
    connections = Connections(most_connections or state.settings.max_connections, state.metrics)
    room = BodyRoom(state.settings.queue_bytes)
    state.metrics.watch_bodies(lambda: room.taken, state.settings.queue_bytes)
    messages = Messages(room, state.settings.max_body_bytes, state.settings.request_timeout_s)
    log = RequestLog(state.metrics, state.settings.log_format, HEALTH | {"/metrics"})
    shared: Shared = {REQUEST_LOG: log, CONNECTIONS: connections, MESSAGES: messages}
    app = Documented(
        title="RRCA-Net Serve",
        summary="Infrared small-target detection",
        description=introduction(),
        version=_version(),
        lifespan=lambda _: (around or partial(lifespan, state))(shared),
        generate_unique_id_function=operation_id,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect goes to http behind a TLS proxy, and would send the API key unencrypted
        telemetry=_telemetry(),
    )
    app.state.server, app.state.arriving, app.state.body_room = state, set(), room
    for routes in (detect, stream, limits, models, health, openinference):
        app.include_router(routes.router)
    for router in adapter_routers(state.settings):
        app.include_router(router)
    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(RequestValidationError, on_bad_parameter)
    app.add_exception_handler(HTTPException, on_http_error)
    if not _has_telemetry():  # FastAPI's own layers write the spans
        app.add_middleware(detect.DetectFirst)
    if state.keys is not None:
        app.add_middleware(RequireApiKey, keys=state.keys, checked_later=paths_with_key_in_body(state.settings))
    app.add_middleware(Envelope, log=log)
    if state.settings.cors_origins:
        allow_origins(app, state.settings.cors_origins)
    if state.settings.root_path:
        app.add_middleware(Below, path=state.settings.root_path)
    add_docs(app)
    add_page(app)
    return app


@asynccontextmanager
async def lifespan(state: ServerState, shared: Shared) -> AsyncIterator[Shared]:
    """Load the models in the background, and watch them until the server ends."""
    keep = state.background.keep
    loading = asyncio.create_task(keep("load", state.load))
    watching = [asyncio.create_task(keep(name, watch)) for name, watch in state.watchers().items()]
    yield shared
    for task in watching:
        task.cancel()
    await asyncio.wait([loading], timeout=LAST_RUN_S)
    await asyncio.to_thread(state.engine.close, LAST_RUN_S)


def _telemetry() -> TelemetryConfig:
    """OpenTelemetry is configured by its own environment variables. Without any of them, it costs requests nothing."""
    enabled = _has_telemetry()
    return {"auto_configure": enabled, "tracing": enabled, "metrics": enabled, "logs": enabled}


def _has_telemetry() -> bool:
    return any(name.startswith("OTEL_") for name in os.environ)


def _version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        return "0"
