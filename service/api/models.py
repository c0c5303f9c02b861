"""The routes of the model cards."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request

from service.api.openapi.errors import CLOSED, problems
from service.api.openapi.schemas import ModelCard, ModelCards, ShownPoints
from service.api.openapi.tags import Tag
from service.detection.detector import Detector
from service.detection.sensitivity import known_from_per_mpx
from service.errors import Reason
from service.models.repository import Repository
from service.runtime.card import OperatingPoints
from service.server.state import ServerState

router: Final = APIRouter(tags=[Tag.MODELS], responses=problems(*CLOSED))


@router.get("/v1/models", summary="All served models")
async def list_models(request: Request) -> ModelCards:
    """Requests that name no model get the first model's name."""
    server: ServerState = request.app.state.server
    repository = server.repository
    return ModelCards(models=[_describe(detector, repository) for detector in repository])


@router.get("/v1/models/{name}", summary="One model", responses=problems(Reason.UNKNOWN_MODEL))
async def show_model(request: Request, name: Annotated[str, Path(examples=["rrcanet"])]) -> ModelCard:
    """By `NAME` or `NAME@VERSION`."""
    server: ServerState = request.app.state.server
    repository = server.repository
    return _describe(repository.find(name), repository)


def _describe(detector: Detector, repository: Repository) -> ModelCard:
    """The card without its golden frame, what it runs on, and its share of the requests."""
    runtime = detector.runtime
    card = runtime.card.model_dump(exclude={"golden", "operating_points"})
    return ModelCard(
        **card,
        operating_points=_shown(runtime.card.operating_points),
        sha256=runtime.sha256,
        provider=runtime.provider,
        engine=runtime.engine.value,
        engine_precision=runtime.precision,
        share=repository.share(detector),
    )


def _shown(points: OperatingPoints | None) -> ShownPoints | None:
    """The curve, with the lowest rate that it knows well."""
    if points is None:
        return None
    return ShownPoints(**points.model_dump(), known_from_per_mpx=known_from_per_mpx(points.megapixels))
