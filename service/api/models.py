"""The model cards."""

from typing import Any, Final

from fastapi import APIRouter, Request

from service.api.schemas import problems
from service.detector import Detector
from service.serving import Serving

router: Final = APIRouter(responses=problems(503))


@router.get("/v1/models", summary="Every model served")
async def list_models(request: Request) -> dict[str, Any]:
    """The first is the one that serves requests that name none."""
    serving: Serving = request.app.state.serving
    return {"models": [_describe(detector) for detector in serving.repository]}


@router.get("/v1/models/{name}", summary="One model", responses=problems(404))
async def show_model(request: Request, name: str) -> dict[str, Any]:
    """By `NAME` or `NAME@VERSION`."""
    serving: Serving = request.app.state.serving
    return _describe(serving.repository.find(name))


def _describe(detector: Detector) -> dict[str, Any]:
    """The card without its golden frame, and where the model really runs."""
    runtime = detector.runtime
    card = runtime.card.model_dump(mode="json", exclude={"golden"})
    return card | {"sha256": runtime.sha256, "provider": runtime.provider}
