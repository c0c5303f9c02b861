"""``POST /v1/detect``: frames in, targets out."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.body import enter, read_parts
from service.api.detect.query import MediaType, negotiate, parse_query
from service.api.detect.work import read_work
from service.api.middleware.envelope import MODEL, REQUEST_ID, TIMING
from service.api.multipart import MULTIPART, PART_NAMES
from service.api.openapi.errors import OF_FRAMES, Responses, problems
from service.api.openapi.headers import SERVER_TIMING, refer
from service.api.openapi.schemas import DetectAnswer
from service.api.openapi.tags import Tag
from service.engine.backlog import Limit
from service.engine.work import Plan
from service.errors import Reason
from service.frames import ACCEPTED
from service.observability.cameras import HEADER, MOST_CAMERAS, UNNAMED
from service.observability.metrics import MODEL as MODEL_LABELS
from service.observability.timing import Timing
from service.server.state import ServerState

PATH: Final = "/v1/detect"
router: Final = APIRouter(tags=[Tag.DETECTION])

BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
LINES: Final = {"schema": {"type": "string", "description": "One JSON object in each line"}}
FILES: Final = {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
FORM: Final = {
    "type": "object",
    "properties": dict.fromkeys(PART_NAMES, FILES),
    "additionalProperties": False,
    "minProperties": 1,
}
CAMERA: Final = {
    "name": HEADER,
    "in": "header",
    "description": f"Name of the camera for the metrics; at most {MOST_CAMERAS} cameras are told apart.",
    "schema": {"type": "string"},
}
BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": dict.fromkeys(ACCEPTED, BINARY) | {MULTIPART: {"schema": FORM}},
}
ANSWER: Final[Responses] = {
    200: {
        "description": "Targets; with `Accept: application/x-ndjson` a line for each frame; with `Accept: image/png` "
        "the mask of a single frame",
        "model": DetectAnswer,
        "content": {"application/x-ndjson": LINES, "image/png": BINARY},
        "headers": refer(SERVER_TIMING),
    }
}


class DetectFirst:
    """ASGI middleware that answers ``POST /v1/detect`` itself: FastAPI's layers cost 0.2 ms of CPU more.

    FastAPI documents the route, and answers it behind a prefix (``root_path``). The envelope turns errors into answers.
    """

    path = PATH  # the request log asks the route of a scope for it

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != PATH:
            await self._app(scope, receive, send)
            return
        scope["route"] = self
        response = await detect(Request(scope, receive, send))
        await response(scope, receive, send)


@router.post(
    PATH,
    summary="Find small targets in infrared frames",
    openapi_extra={"parameters": [CAMERA], "requestBody": BODY},  # the document adds those of the query
    responses=ANSWER | problems(Reason.NOT_ACCEPTABLE, *OF_FRAMES),
)
async def detect(request: Request) -> Response:
    """One frame or many. Every page of a TIFF and every part of a multipart body is a frame."""
    server: ServerState = request.app.state.server
    state: dict[str, Any] = request.scope["state"]
    settings, timing = server.settings, Timing()
    query = parse_query(request.scope["query_string"])
    media_type = negotiate(", ".join(request.headers.getlist("accept")))
    detector = server.repository.find(query.model, state[REQUEST_ID])
    state[MODEL], state[TIMING] = dict(zip(MODEL_LABELS, detector.key, strict=True)), timing
    detector.check(query.options)
    latest = timing.began + settings.request_timeout_s
    deadline = latest if query.timeout_ms is None else min(latest, timing.began + query.timeout_ms / 1e3)
    late = Reason.REQUEST_TIMEOUT if deadline == latest else Reason.DEADLINE_EXCEEDED
    plan = Plan(detector, query.options, deadline, request.headers.get(HEADER, UNNAMED), query.timeout_ms is not None)
    server.engine.worker.backlog.check(Limit(deadline, plan.asked))
    if media_type is MediaType.LINES:
        from service.api.detect.lines import answer_lines  # few requests ask for it

        return await answer_lines(request, query, plan, timing, late)
    with await enter(request) as places:
        limits = settings.max_body_bytes, settings.max_frames
        parts = await read_parts(request, places, *limits, deadline, query.raw, late)
        read = partial(read_work, parts, plan, media_type, query)
        content = await server.engine.answer(read, places, timing, deadline)
    return Response(content, media_type=media_type)
