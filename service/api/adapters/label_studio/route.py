"""``/predict``, ``/setup`` and ``/health``, as Label Studio calls its ML backends."""

from typing import Any, Final

from fastapi import APIRouter, Request

from service.api.adapters.image import detect_image
from service.api.adapters.label_studio.images import TaskImages
from service.api.adapters.label_studio.label_config import Control, parse_label_config
from service.api.adapters.label_studio.messages import Prediction, Setup, Task, read_message
from service.api.adapters.label_studio.predictions import describe_prediction, version_of
from service.api.body import enter
from service.api.middleware.envelope import REQUEST_ID
from service.api.openapi.errors import OF_FRAMES, problems
from service.api.openapi.tags import Tag
from service.detection.options import Options
from service.errors import Reason, ServiceError
from service.server.state import ServerState
from service.settings import Settings

JSON_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {"application/json": {"schema": {"type": "object"}}},
}

router: Final = APIRouter(tags=[Tag.ADAPTERS])


@router.get("/health", summary="Label Studio: whether the backend runs")
async def health() -> dict[str, Any]:
    """Label Studio asks when a backend is added."""
    return {"status": "UP", "model_dir": None, "v2": True}


@router.post(
    "/setup",
    summary="Label Studio: check a labelling interface",
    openapi_extra={"requestBody": JSON_BODY},
    responses=problems(*OF_FRAMES),
)
async def setup(request: Request) -> dict[str, Any]:
    """The version of the model, if the interface has a tag for targets."""
    message = await read_message(request, Setup)
    if message.interface:
        parse_label_config(message.interface)
    return {"model_version": _version(request)}


@router.post(
    "/predict",
    summary="Label Studio: predictions of tasks",
    openapi_extra={"requestBody": JSON_BODY},
    responses=problems(*OF_FRAMES),
)
async def predict(request: Request) -> dict[str, Any]:
    """Rectangles and brush masks, one region for each target. A task whose image cannot be read fails the request."""
    message = await read_message(request, Prediction)
    controls = parse_label_config(message.label_config)
    images = TaskImages(_settings(request))
    results = [await _predict(request, task, controls, images) for task in message.tasks]
    return {"results": results, "model_version": _version(request)}


async def _predict(request: Request, task: Task, controls: list[Control], images: TaskImages) -> dict[str, Any]:
    """The prediction of one task; it waits in the queue as a request of one frame does."""
    field = controls[0].field
    address = task.data.get(field)
    if not isinstance(address, str):
        raise ServiceError(Reason.BAD_PARAMETER, f"task {task.id}: its data has no address in {field!r}")
    try:
        content = await images.read(address)
        with await enter(request) as places:
            detector, detection = await detect_image(request, content, Options(), places, is_patient=True)
    except ServiceError as fault:
        raise ServiceError(fault.reason, f"task {task.id}: {fault.detail}", fault.retry_after_s) from None
    same_image = [control for control in controls if control.field == field]
    return describe_prediction(detector, detection, same_image, _settings(request).adapter_label)


def _version(request: Request) -> str:
    server: ServerState = request.app.state.server
    return version_of(server.repository.find(None, request.scope["state"][REQUEST_ID]))


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.server.settings
    return settings
