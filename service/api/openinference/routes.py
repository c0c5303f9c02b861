"""The routes under ``/v2``."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from service.api.body import BodyPlaces, enter, read_parts
from service.api.middleware.envelope import MODEL as OF_STATE
from service.api.middleware.envelope import TIMING
from service.api.multipart import MULTIPART
from service.api.openapi.errors import CLOSED, OF_FRAMES, Responses, faults
from service.api.openapi.headers import SERVER_TIMING, refer
from service.api.openapi.tags import Tag
from service.api.openinference.inference import Body
from service.api.openinference.models import Model, find_model, versions_of
from service.api.openinference.request import JSON_LENGTH, read_json_length
from service.api.openinference.wire import InferResponse, Live, ModelMetadata, Ready, ServerMetadata
from service.errors import Reason, ServiceError
from service.observability.metrics import MODEL as LABELS
from service.observability.timing import Timing
from service.server.state import ServerState

router: Final = APIRouter(prefix="/v2", tags=[Tag.OPEN_INFERENCE])

MODEL: Final = "/models/{model}"
VERSION: Final = "/models/{model}/versions/{version}"
BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
TENSOR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 8},
        "data": {"type": ["array", "null"], "items": {}, "description": "Flat, or nested as the shape."},
        "parameters": {"type": ["object", "null"]},
    },
}
REQUEST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": ["string", "null"]},
        "inputs": {"type": "array", "items": TENSOR, "minItems": 1, "maxItems": 1},
        "outputs": {"type": ["array", "null"], "items": {"type": "object", "required": ["name"]}, "maxItems": 8},
        "parameters": {"type": ["object", "null"]},
    },
}
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": REQUEST},
            "application/octet-stream": BINARY,
        },
    }
}
FOUND: Final[Responses] = {
    200: {
        "model": InferResponse,
        "content": {"application/octet-stream": BINARY},
        "headers": refer(SERVER_TIMING),
    }
}
INFER: Final = FOUND | faults(*OF_FRAMES)


Name = Annotated[str, Path(examples=["rrcanet-detector"])]


async def newest(request: Request, model: Name) -> Model:
    """The model of a name, its version chosen by the server."""
    server: ServerState = request.app.state.server
    return find_model(server.repository, model, request_id=request.state.request_id)


async def pinned(request: Request, model: Name, version: Annotated[str, Path(examples=["1"])]) -> Model:
    """The model of a name and a version."""
    server: ServerState = request.app.state.server
    return find_model(server.repository, model, version)


Newest = Annotated[Model, Depends(newest)]
Pinned = Annotated[Model, Depends(pinned)]


@router.get("", summary="The server, as the Open Inference Protocol describes it")
async def server_metadata(request: Request) -> ServerMetadata:
    """Name, version and extensions."""
    return ServerMetadata(name="rrcanet-serve", version=request.app.version, extensions=["binary_tensor_data"])


@router.get("/health/live", summary="Whether the process answers")
async def live() -> Live:
    """200 while the event loop turns."""
    return Live(live=True)


@router.get(
    "/health/ready",
    summary="Whether requests should be sent here",
    responses=faults(*CLOSED),
    response_model_exclude_none=True,
)
async def ready(request: Request) -> Ready:
    """As `/readyz`."""
    return _ready(request)


@router.get(MODEL, summary="What a model takes and gives", responses=faults(Reason.UNKNOWN_MODEL, *CLOSED))
async def model_metadata(request: Request, model: Newest) -> ModelMetadata:
    """`NAME` is the network of a model file, `NAME-detector` the whole detector."""
    return _metadata(request, model)


@router.get(
    VERSION, summary="What a version of a model takes and gives", responses=faults(Reason.UNKNOWN_MODEL, *CLOSED)
)
async def version_metadata(request: Request, model: Pinned) -> ModelMetadata:
    """As without the version."""
    return _metadata(request, model)


@router.get(
    f"{MODEL}/ready",
    summary="Whether a model is ready",
    responses=faults(Reason.UNKNOWN_MODEL, *CLOSED),
    response_model_exclude_none=True,
)
async def model_ready(request: Request, model: Newest) -> Ready:
    """As the server: it is ready once all of its models are."""
    return _ready(request, model)


@router.get(
    f"{VERSION}/ready",
    summary="Whether a version of a model is ready",
    responses=faults(Reason.UNKNOWN_MODEL, *CLOSED),
    response_model_exclude_none=True,
)
async def version_ready(request: Request, model: Pinned) -> Ready:
    """As without the version."""
    return _ready(request, model)


@router.post(f"{MODEL}/infer", summary="Tensors in, tensors out", openapi_extra=BODY, responses=INFER)
async def infer(request: Request, model: Newest) -> Response:
    """JSON, or JSON followed by binary tensors where `Inference-Header-Content-Length` says where it ends."""
    return await _infer(request, model)


@router.post(f"{VERSION}/infer", summary="Tensors in, by a pinned version", openapi_extra=BODY, responses=INFER)
async def version_infer(request: Request, model: Pinned) -> Response:
    """As without the version."""
    return await _infer(request, model)


def _metadata(request: Request, model: Model) -> ModelMetadata:
    server: ServerState = request.app.state.server
    return model.describe(versions_of(server.repository, model))


def _ready(request: Request, model: Model | None = None) -> Ready:
    server: ServerState = request.app.state.server
    server.check_ready()
    return Ready(name=None if model is None else model.name, ready=True)


async def _infer(request: Request, model: Model) -> Response:
    server: ServerState = request.app.state.server
    engine, settings, timing = server.engine, server.settings, Timing()
    latest = timing.began + settings.request_timeout_s
    state: dict[str, Any] = request.scope["state"]
    state[OF_STATE], state[TIMING] = dict(zip(LABELS, model.detector.key, strict=True)), timing
    json_length = read_json_length(request.headers.get(JSON_LENGTH))
    with await enter(request) as places:
        body = Body(await _read(request, places, settings.max_body_bytes, latest), json_length, timing.began, latest)
        try:
            answer = await engine.answer(partial(body.read, model), places, timing, latest)
        except ServiceError as fault:
            if fault.reason is Reason.UNDECODABLE_FRAME:
                server.metrics.frames_error.inc()  # the one that failed the request
            raise
    timing.finish()
    return Response(answer.content, headers=answer.headers)


async def _read(request: Request, places: BodyPlaces, limit: int, deadline: float) -> bytes:
    if request.headers.get("content-type", "").strip().lower().startswith(MULTIPART):
        raise ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, "send JSON, with binary tensors after it, not a form")
    (part,) = await read_parts(request, places, limit, 1, deadline, None, Reason.REQUEST_TIMEOUT)
    return part.content
