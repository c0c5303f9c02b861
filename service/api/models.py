"""The model cards."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request

from service.api.refusals import CLOSED, problems
from service.detector import Detector
from service.errors import Reason
from service.repository import Repository
from service.serving import Serving

router: Final = APIRouter(responses=problems(*CLOSED))


@router.get("/v1/models", summary="Every model served")
async def list_models(request: Request) -> dict[str, Any]:
    """The name of the first serves requests that name none.

    `share` is how many of the requests for `name` without a version go to this version: 0 to 1.
    """
    serving: Serving = request.app.state.serving
    repository = serving.repository
    return {"models": [_describe(detector, repository) for detector in repository]}


@router.get("/v1/models/{name}", summary="One model", responses=problems(Reason.UNKNOWN_MODEL))
async def show_model(request: Request, name: Annotated[str, Path(examples=["rrcanet"])]) -> dict[str, Any]:
    """By `NAME` or `NAME@VERSION`."""
    serving: Serving = request.app.state.serving
    repository = serving.repository
    return _describe(repository.find(name), repository)


def _describe(detector: Detector, repository: Repository) -> dict[str, Any]:
    """The card without its golden frame, where the model really runs, and what it answers."""
    runtime = detector.runtime
    card = runtime.card.model_dump(mode="json", exclude={"golden"})
    return card | {"sha256": runtime.sha256, "provider": runtime.provider, "share": repository.share(detector)}
