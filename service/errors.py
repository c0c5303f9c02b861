"""Everything that can go wrong, and what the caller is told: one table for the whole service."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final


class Reason(StrEnum):
    """Machine-readable reason of an error, as problem+json carries it."""

    BAD_PARAMETER = "bad_parameter"
    UNAUTHORIZED = "unauthorized"
    UNKNOWN_MODEL = "unknown_model"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    REQUEST_TIMEOUT = "request_timeout"
    HEADERS_TOO_LARGE = "headers_too_large"
    BODY_TOO_LARGE = "body_too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_FRAMES = "too_many_frames"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNDECODABLE_FRAME = "undecodable_frame"
    QUEUE_FULL = "queue_full"
    NOT_READY = "not_ready"
    DRAINING = "draining"
    OUT_OF_MEMORY = "out_of_memory"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INTERNAL = "internal"

    @property
    def status(self) -> HTTPStatus:
        return STATUS[self]


STATUS: Final[dict[Reason, HTTPStatus]] = {
    Reason.BAD_PARAMETER: HTTPStatus.BAD_REQUEST,
    Reason.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    Reason.UNKNOWN_MODEL: HTTPStatus.NOT_FOUND,
    Reason.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Reason.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Reason.NOT_ACCEPTABLE: HTTPStatus.NOT_ACCEPTABLE,
    Reason.REQUEST_TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    Reason.HEADERS_TOO_LARGE: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    Reason.BODY_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.TOO_MANY_PIXELS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.TOO_MANY_FRAMES: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Reason.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Reason.UNDECODABLE_FRAME: HTTPStatus.UNPROCESSABLE_ENTITY,
    Reason.QUEUE_FULL: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.NOT_READY: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.DRAINING: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.OUT_OF_MEMORY: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    Reason.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class ServiceError(Exception):
    """A fault with a reason that a program can act on and a detail that a person can.

    Args:
        reason: which row of the table.
        detail: what was wrong with this request, without its content.
        retry_after_s: seconds until a retry makes sense, where one does.
    """

    def __init__(self, reason: Reason, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.retry_after_s = reason, detail, retry_after_s

    def bare(self) -> "ServiceError":
        """The same, without its past: the frames of a traceback keep a request's images, and itself, in a cycle."""
        return ServiceError(self.reason, self.detail, self.retry_after_s)
