"""``GET /v1/limits``: what this server takes, for clients that cut their work to fit."""

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from service.api.detect.query import DetectQuery
from service.api.multipart import MULTIPART
from service.api.openapi.tags import Tag
from service.frames import ACCEPTED, SMALLEST_SIDE
from service.server.state import ServerState

router: Final = APIRouter(tags=[Tag.DETECTION])


class Limits(BaseModel):
    """The limits of one request to `POST /v1/detect`; a request beyond one of them is refused with 413."""

    model_config = ConfigDict(defer_build=True)

    max_body_bytes: int = Field(description="Largest body, also after decompression.")
    max_pixels: int = Field(description="Most pixels of all frames together.")
    smallest_side: int = Field(description="A shorter side of a frame counts as that many pixels.")
    max_frames: int = Field(description="Most frames.")
    max_parts: int = Field(description="Most parts of a multipart body.")
    request_timeout_s: float = Field(description="Longest time in seconds, including the body.")
    latency_objective_ms: float = Field(
        description="Longest expected time of a request without `timeout_ms`, in milliseconds, from its complete body "
        "to its answer."
    )
    formats: list[str] = Field(description="Media types of bodies and of parts.")
    parameters: list[str] = Field(description="Names of the query parameters.")


@router.get("/v1/limits", summary="What one request may carry")
async def show_limits(request: Request) -> Limits:
    """The limits of a request, the formats of frames, and the query parameters."""
    server: ServerState = request.app.state.server
    settings = server.settings
    return Limits(
        max_body_bytes=settings.max_body_bytes,
        max_pixels=settings.max_pixels,
        smallest_side=SMALLEST_SIDE,
        max_frames=settings.max_frames,
        max_parts=settings.max_frames,
        request_timeout_s=settings.request_timeout_s,
        latency_objective_ms=settings.latency_objective_ms,
        formats=[*ACCEPTED, MULTIPART],
        parameters=list(DetectQuery.model_fields),
    )
