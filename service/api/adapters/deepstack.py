"""DeepStack's object detection, as Frigate, Home Assistant and Blue Iris call it.

Frigate ignores everything behind the first detection below its own limit, and fails at the 21st detection. So the
answer is sorted and short.
"""

import time
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from service.api.adapters.image import detect_image
from service.api.body import enter, read_parts
from service.api.middleware.api_keys import KEY, owner_of
from service.api.openapi.tags import Tag
from service.detection.options import Options
from service.detection.targets import Target
from service.errors import Reason, ServiceError
from service.server.state import ServerState

PREFIX: Final = "/v1/vision"
MOST: Final = 20
MIN_CONFIDENCE: Final = 0.4  # DeepStack's default
FORM: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": {"type": "string", "format": "binary"},
                    "min_confidence": {"type": "number", "minimum": 0, "maximum": 1, "default": MIN_CONFIDENCE},
                    "api_key": {"type": "string"},
                },
            }
        }
    },
}

router: Final = APIRouter(prefix=PREFIX, tags=[Tag.ADAPTERS])


@router.post("/detection", summary="DeepStack: find targets in one image", openapi_extra={"requestBody": FORM})
async def detect(request: Request) -> JSONResponse:
    """At most 20 predictions, the most confident first; corners in whole pixels."""
    return await _answer(request, None)


@router.post("/custom/list", summary="DeepStack: the models")
async def list_models(request: Request) -> JSONResponse:
    """The names of the models, each for `/v1/vision/custom/NAME`."""
    server: ServerState = request.app.state.server
    try:
        _check_key(request, {})
        names = dict.fromkeys(detector.runtime.card.name for detector in server.repository)
    except ServiceError as fault:
        return _failure(request, fault)
    return JSONResponse({"success": True, "models": list(names)})


@router.post("/custom/{name}", summary="DeepStack: find targets with one model", openapi_extra={"requestBody": FORM})
async def detect_with(request: Request, name: str) -> JSONResponse:
    """As `/v1/vision/detection`."""
    return await _answer(request, name)


async def _answer(request: Request, model: str | None) -> JSONResponse:
    began = time.monotonic()
    try:
        predictions = await _predict(request, model)
    except ServiceError as fault:
        return _failure(request, fault)
    duration = round(1e3 * (time.monotonic() - began))
    return JSONResponse({"success": True, "predictions": predictions, "duration": duration})


async def _predict(request: Request, model: str | None) -> list[dict[str, Any]]:
    server: ServerState = request.app.state.server
    settings, fields = server.settings, dict[str, str]()
    _ = server.repository  # before a body is read
    with await enter(request) as places:
        deadline = time.monotonic() + settings.request_timeout_s
        limits = settings.max_body_bytes, settings.max_frames
        late = Reason.REQUEST_TIMEOUT
        parts = await read_parts(request, places, *limits, deadline, None, late, fields)
        _check_key(request, fields)
        if len(parts) != 1:
            raise ServiceError(Reason.BAD_PARAMETER, f"send one image; the body has {len(parts)}")
        options = Options(min_confidence=_confidence(fields), max_targets=MOST)
        _, detection = await detect_image(request, parts.pop().content, options, places, model)
    return [_prediction(target, settings.adapter_label) for target in detection.found.targets]


def _prediction(target: Target, label: str) -> dict[str, Any]:
    box = target.bbox
    corners = {"x_min": box.x, "y_min": box.y, "x_max": box.x + box.width, "y_max": box.y + box.height}
    return {"confidence": round(target.confidence, 4), "label": label, **corners}


def _confidence(fields: dict[str, str]) -> float:
    text = fields.get("min_confidence", str(MIN_CONFIDENCE))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ServiceError(Reason.BAD_PARAMETER, f"min_confidence: {text[:32]!r} is not a number from 0 to 1")
    return value


def _check_key(request: Request, fields: dict[str, str]) -> None:
    """Accept the key in the form field ``api_key``, as DeepStack does, or in a header.

    Raises:
        ServiceError: ``unauthorized``.
    """
    server: ServerState = request.app.state.server
    if server.keys is None:
        return
    owner = owner_of(request.headers, server.keys) or server.keys.owner(fields.get("api_key", ""))
    if not owner:
        raise ServiceError(Reason.UNAUTHORIZED, "this service needs a valid API key; send it in the field api_key")
    request.scope["state"][KEY] = owner


def _failure(request: Request, fault: ServiceError) -> JSONResponse:
    request.state.reason = fault.reason.value  # for the metrics
    content = {"success": False, "error": fault.detail, "duration": 0}
    return JSONResponse(content, fault.reason.status.value)
