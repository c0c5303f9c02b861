"""The application."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import metadata
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException

from service.api import health, models, openinference
from service.api.detect import route as detect
from service.api.middleware import request_log as account
from service.api.middleware.api_keys import RequireApiKey as Gate
from service.api.middleware.envelope import Envelope
from service.api.middleware.head import Head
from service.api.middleware.request_log import RequestLog as Account
from service.api.middleware.shortcut import Shortcut
from service.api.openapi.document import Documented
from service.api.pages.docs import add_docs
from service.api.pages.playground import add_page
from service.api.problems import on_bad_parameter, on_http_error, on_service_error
from service.errors import ServiceError
from service.server.state import LAST_RUN_S, Serving

DISTRIBUTION: Final = "rrcanet-serve"


def create_app(serving: Serving) -> FastAPI:
    """Routes, errors and the surrounding of every answer; models load when the server starts."""
    answers = Account(serving.telemetry, serving.settings.log_format)
    app = Documented(
        title="RRCA-Net Serve",
        summary="Infrared small-target detection",
        version=_version(),
        lifespan=_lifespan(serving, answers),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # to an absolute address, whose scheme behind TLS would send a key in cleartext
        telemetry=_telemetry(),
    )
    app.state.serving = serving
    for routes in (detect, models, health, openinference):
        app.include_router(routes.router)
    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(RequestValidationError, on_bad_parameter)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_middleware(Head)
    app.add_middleware(Shortcut, path=detect.PATH, method="POST", route=detect.router.routes[0], endpoint=detect.detect)
    app.add_middleware(Gate, keys=serving.keys)
    app.add_middleware(Envelope, account=answers)
    add_docs(app)
    add_page(app)
    return app


def _lifespan(
    serving: Serving, answers: Account
) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Account]]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Account]]:
        loading = asyncio.create_task(serving.load())
        watching = [asyncio.create_task(watch()) for watch in (serving.watch, serving.watch_device)]
        yield {account.STATE: answers}
        for task in watching:
            task.cancel()
        await asyncio.wait([loading], timeout=LAST_RUN_S)
        await asyncio.to_thread(serving.engine.close, LAST_RUN_S)

    return lifespan


def _telemetry() -> TelemetryConfig:
    """OpenTelemetry, by its own environment variables; where there are none, requests do not ask for it."""
    wanted = any(name.startswith("OTEL_") for name in os.environ)
    return {"auto_configure": wanted, "tracing": wanted, "metrics": wanted, "logs": wanted}


def _version() -> str:
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
