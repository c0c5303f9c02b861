"""``POST /v1/detect``: frames in, targets out."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from service.api.body import MULTIPART, PART_NAMES, enter, read_parts
from service.api.detect.query import PARAMETERS, negotiate, read_query
from service.api.detect.work import read_work
from service.api.openapi.errors import OF_FRAMES, Responses, problems
from service.api.openapi.headers import SERVER_TIMING, refer
from service.api.openapi.schemas import DetectAnswer
from service.engine.work import Plan
from service.errors import Reason
from service.frames import ACCEPTED
from service.observability.timing import Timing
from service.server.state import ServerState

PATH: Final = "/v1/detect"
router: Final = APIRouter()

BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
FILES: Final = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
FORM: Final = {
    "type": "object",
    "properties": dict.fromkeys(PART_NAMES, FILES),
    "additionalProperties": False,
    "minProperties": 1,
}
BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": dict.fromkeys(ACCEPTED, BINARY) | {MULTIPART: {"schema": FORM}},
}
FOUND: Final[Responses] = {
    200: {
        "description": "Targets; with `Accept: image/png` the mask of a single frame",
        "model": DetectAnswer,
        "content": {"image/png": BINARY},
        "headers": refer(SERVER_TIMING),
    }
}


class HotRoute(Route):
    """The route as Starlette serves it. FastAPI's route, which documents it, would cost 0.15 ms of CPU more."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As Starlette's; the request log reads the route from the scope, as FastAPI sets it."""
        match, child = super().matches(scope)
        return match, {**child, "route": self}


@router.post(
    PATH,
    summary="Find small targets in infrared frames",
    openapi_extra={"parameters": PARAMETERS, "requestBody": BODY},
    responses=FOUND | problems(Reason.NOT_ACCEPTABLE, *OF_FRAMES),
)
async def detect(request: Request) -> Response:
    """One frame or many. Every page of a TIFF and every part of a multipart body is a frame."""
    server: ServerState = request.app.state.server
    settings, timing = server.settings, Timing()
    query = read_query(request)
    media_type = negotiate(", ".join(request.headers.getlist("accept")))
    detector = server.repository.find(query.model, request.state.request_id)
    detector.check(query.options)
    latest = timing.began + settings.request_timeout_s
    deadline = latest if query.timeout_ms is None else min(latest, timing.began + query.timeout_ms / 1e3)
    late = Reason.REQUEST_TIMEOUT if deadline == latest else Reason.DEADLINE_EXCEEDED
    plan = Plan(detector, query.options, deadline)
    with await enter(request) as places:
        limits = settings.max_body_bytes, settings.max_frames
        parts = await read_parts(request, places, *limits, deadline, query.raw, late)
        read = partial(read_work, parts, plan, media_type, query)
        content = await server.engine.answer(read, places, timing, deadline)
    request.state.stages = timing.finish()
    return Response(content, media_type=media_type.value)
