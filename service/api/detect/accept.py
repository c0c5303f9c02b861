"""Content negotiation (RFC 9110, section 12.5.1): the answer is JSON, or the mask as PNG."""

from enum import StrEnum
from typing import Final

from service.errors import Reason, ServiceError


class MediaType(StrEnum):
    """The media types of answers."""

    JSON = "application/json"
    MASK = "image/png"


WILDCARDS: Final = {MediaType.JSON: "application/*", MediaType.MASK: "image/*"}


def negotiate(header: str) -> MediaType:
    """The media type that a header ``Accept`` prefers; JSON if it prefers none.

    Raises:
        ServiceError: ``not_acceptable``.
    """
    if not header.strip():
        return MediaType.JSON
    qualities = dict(_parse(item) for item in header.split(","))
    quality = {answer: _quality(answer, qualities) for answer in MediaType}
    best = max(MediaType, key=lambda answer: quality[answer])
    if quality[best] <= 0:
        raise ServiceError(
            Reason.NOT_ACCEPTABLE, "Accept must allow application/json or, for a single frame, image/png"
        )
    return best


def _quality(answer: MediaType, qualities: dict[str, float]) -> float:
    for pattern in (answer.value, WILDCARDS[answer], "*/*"):
        if pattern in qualities:
            return qualities[pattern]
    return 0.0


def _parse(item: str) -> tuple[str, float]:
    media_type, *parameters = (word.strip().lower() for word in item.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_type, float(value)
            except ValueError:
                return media_type, 0.0
    return media_type, 1.0
