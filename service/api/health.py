"""Liveness, readiness and metrics. These routes never wait in the queue."""

from typing import Final

from fastapi import APIRouter, Request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from service.api.openapi.errors import CLOSED, problems
from service.api.openapi.tags import Tag
from service.server.state import ServerState

router: Final = APIRouter()


@router.get("/livez", tags=[Tag.HEALTH], summary="Whether the process answers")
async def livez() -> dict[str, str]:
    """200 while the event loop runs."""
    return {"status": "live"}


@router.get("/readyz", tags=[Tag.HEALTH], summary="Whether requests should be sent here", responses=problems(*CLOSED))
async def readyz(request: Request) -> dict[str, str]:
    """200 once every model has given the same answer to its golden frame as PyTorch; 503 before, and while draining."""
    server: ServerState = request.app.state.server
    server.check_ready()
    return {"status": "ready"}


@router.get(
    "/metrics",
    tags=[Tag.MONITORING],
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """All metrics in Prometheus' text format 0.0.4."""
    server: ServerState = request.app.state.server
    return Response(server.metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
