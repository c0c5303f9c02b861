"""The groups of routes, in the order in which ``/docs`` shows them."""

from enum import StrEnum
from typing import Final


class Tag(StrEnum):
    """The group of a route. Each route belongs to one; ``APIRouter(tags=[Tag.MODELS])`` sets it."""

    DETECTION = "Detection"
    MODELS = "Models"
    HEALTH = "Health"
    MONITORING = "Monitoring"
    OPEN_INFERENCE = "Open Inference Protocol"
    ADAPTERS = "Adapters"


DESCRIPTIONS: Final = {
    Tag.DETECTION: "Frames in, targets out, and what one request may hold.",
    Tag.MODELS: "The models that answer, with their data, scores and calibration.",
    Tag.HEALTH: "For load balancers and Kubernetes. These routes need no API key and never wait in the queue.",
    Tag.MONITORING: "For Prometheus.",
    Tag.OPEN_INFERENCE: "The same models for clients of KServe's version 2 protocol, such as `tritonclient`.",
    Tag.ADAPTERS: "The same detection in the forms of other programs. The setting `ADAPTERS` names those that are on.",
}
TAGS: Final = [{"name": tag.value, "description": text} for tag, text in DESCRIPTIONS.items()]
