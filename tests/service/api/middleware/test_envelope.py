"""The last resort: a bug is answered with 500, logged under its request id, and counted."""

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from service.api.middleware.envelope import Envelope
from service.observability.logs import RequestLog
from service.observability.metrics import Metrics
from service.settings import LogFormat


async def bug(_: Request) -> Response:
    raise ZeroDivisionError("secret of the code")


async def half_an_answer(_: Request) -> Response:
    async def stream() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    return StreamingResponse(stream())


def get(path: str, telemetry: Metrics) -> httpx.Response:
    routes = [Route("/bug", bug), Route("/half", half_an_answer)]
    log = RequestLog(telemetry, LogFormat.TEXT, frozenset())
    app = Starlette(routes=routes, middleware=[Middleware(Envelope, log=log)])

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path, headers={"X-Request-Id": "seen"})

    return asyncio.run(ask())


def test_a_bug_is_told_logged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Metrics()
    with caplog.at_level(logging.INFO):
        response = get("/bug", telemetry)
    assert (response.status_code, response.json()["reason"]) == (500, "internal")
    assert response.headers["x-request-id"] == "seen"
    assert "secret" not in response.text
    assert "seen" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert b'rrcanet_rejected_total{reason="internal"} 1.0' in telemetry.exposition()


def test_half_an_answer_is_never_ended_as_if_it_were_whole() -> None:
    telemetry = Metrics()
    with pytest.raises(ZeroDivisionError):
        get("/half", telemetry)
    assert b"rrcanet_requests_total" in telemetry.exposition()
