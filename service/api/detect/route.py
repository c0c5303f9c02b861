"""``POST /v1/detect``: frames in, targets out."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.body import MULTIPART, PART_NAMES, read_parts
from service.api.detect.accept import MediaType as Answer
from service.api.detect.accept import negotiate
from service.api.detect.query import PARAMETERS, read_query
from service.api.detect.work import FramesWork, read_json_work, read_mask_work
from service.api.disconnect import while_present
from service.api.openapi.errors import OF_FRAMES, Responses, problems
from service.api.openapi.headers import SERVER_TIMING, refer
from service.api.openapi.schemas import DetectAnswer
from service.engine.orders import Order
from service.errors import Reason
from service.frames import ACCEPTED, Budget
from service.observability.timing import Timing
from service.server.state import Serving

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


@router.post(
    PATH,
    summary="Find small targets in infrared frames",
    openapi_extra={"parameters": PARAMETERS, "requestBody": BODY},
    responses=FOUND | problems(Reason.NOT_ACCEPTABLE, *OF_FRAMES),
)
async def detect(request: Request) -> Response:
    """One frame or many. Every page of a TIFF and every part of a multipart body is a frame."""
    serving: Serving = request.app.state.serving
    settings, timing = serving.settings, Timing()
    query = read_query(request)
    detector = serving.repository.find(query.model, request.state.request_id)
    answer = negotiate(", ".join(request.headers.getlist("accept")))
    latest = timing.began + settings.request_timeout_s
    deadline = latest if query.timeout_ms is None else min(latest, timing.began + query.timeout_ms / 1e3)
    order = Order(detector, query.options, deadline)
    with serving.engine.admission.enter() as places:
        late = Reason.REQUEST_TIMEOUT if deadline == latest else Reason.DEADLINE_EXCEEDED
        parts = await read_parts(request, settings.max_body_bytes, settings.max_frames, deadline, query.raw, late)

        def read(budget: Budget) -> FramesWork:
            taken = parts.copy()
            parts.clear()  # so that nothing holds the body once it is read
            if answer is Answer.MASK:
                return read_mask_work(taken, order, budget)
            return read_json_work(taken, order, query.mask, budget)

        content = await while_present(request, serving.engine.answer(read, places, timing, deadline))
    request.state.stages = timing.told
    return Response(content, media_type=answer.value)
