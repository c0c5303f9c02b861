"""Describes the errors of a route for the OpenAPI document, from the table in ``service.errors``."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from service.api.openapi.headers import CHALLENGE, RETRY_AFTER, refer
from service.errors import Reason

Responses = dict[int | str, dict[str, Any]]
SCHEMAS: Final = "#/components/schemas"
FAULT: Final = "application/json"  # media type of errors under /v2
REASONS: Final = "x-reasons"  # of an answer; it gives the answer its name among the components
CARRIED: Final = {
    HTTPStatus.UNAUTHORIZED: CHALLENGE,
    HTTPStatus.TOO_MANY_REQUESTS: RETRY_AFTER,
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY_AFTER,
}
CLOSED: Final = (Reason.NOT_READY, Reason.DRAINING)
OF_FRAMES: Final = (  # errors of routes that run frames through a network
    Reason.BAD_PARAMETER,
    Reason.UNKNOWN_MODEL,
    Reason.REQUEST_TIMEOUT,
    Reason.BODY_TOO_LARGE,
    Reason.TOO_MANY_PIXELS,
    Reason.TOO_MANY_FRAMES,
    Reason.UNSUPPORTED_MEDIA_TYPE,
    Reason.UNDECODABLE_FRAME,
    Reason.QUEUE_FULL,
    Reason.TOO_SLOW,
    *CLOSED,
    Reason.OUT_OF_MEMORY,
    Reason.DEADLINE_EXCEEDED,
)


def problems(*reasons: Reason) -> Responses:
    """The error answers of a route, as problems."""
    return _answers(reasons, "application/problem+json", _narrowed_problem)


def faults(*reasons: Reason) -> Responses:
    """The error answers of a route under ``/v2``; that protocol has no field for reasons."""
    return _answers(reasons, FAULT, lambda _: {"$ref": f"{SCHEMAS}/Fault"})


def _answers(
    reasons: Sequence[Reason], media_type: str, schema: Callable[[Sequence[Reason]], dict[str, Any]]
) -> Responses:
    by_status: dict[HTTPStatus, list[Reason]] = {}
    for reason in reasons:
        by_status.setdefault(reason.status, []).append(reason)
    return {
        status.value: {
            "description": ", ".join(f"`{reason}`" for reason in group),
            "headers": refer(CARRIED[status]) if status in CARRIED else {},
            "content": {media_type: {"schema": schema(group)}},
            REASONS: [reason.value for reason in group],
        }
        for status, group in by_status.items()
    }


def _narrowed_problem(group: Sequence[Reason]) -> dict[str, Any]:
    """The schema of a problem that has one of these reasons, which share a status."""
    own = {"status": {"const": group[0].status.value}, "reason": {"enum": [reason.value for reason in group]}}
    return {"allOf": [{"$ref": f"{SCHEMAS}/Problem"}, {"properties": own}]}
