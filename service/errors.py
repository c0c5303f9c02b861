"""Everything that can go wrong, and what the caller is told: one table for the whole service."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final, NamedTuple


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
        return TABLE[self].status

    @property
    def when(self) -> str:
        """When it is told, as documents say it (Markdown)."""
        return TABLE[self].when


class Row(NamedTuple):
    """Of the table: how HTTP has it, and when it is told."""

    status: HTTPStatus
    when: str


TABLE: Final[dict[Reason, Row]] = {
    Reason.BAD_PARAMETER: Row(
        HTTPStatus.BAD_REQUEST, "a query parameter, a header or the form of a body is not what it must be"
    ),
    Reason.UNAUTHORIZED: Row(HTTPStatus.UNAUTHORIZED, "keys are set up, and none of them came with the request"),
    Reason.UNKNOWN_MODEL: Row(
        HTTPStatus.NOT_FOUND, "no model of this name or version is served; `detail` lists those that are"
    ),
    Reason.NOT_FOUND: Row(HTTPStatus.NOT_FOUND, "no route has this path"),
    Reason.METHOD_NOT_ALLOWED: Row(
        HTTPStatus.METHOD_NOT_ALLOWED, "the route has other methods; the header `Allow` lists them"
    ),
    Reason.NOT_ACCEPTABLE: Row(
        HTTPStatus.NOT_ACCEPTABLE, "`Accept` allows neither JSON nor, for a single frame, `image/png`"
    ),
    Reason.REQUEST_TIMEOUT: Row(HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive within `REQUEST_TIMEOUT_S`"),
    Reason.HEADERS_TOO_LARGE: Row(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "address and headers are larger than 32 KiB together"
    ),
    Reason.BODY_TOO_LARGE: Row(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "the body is larger than `MAX_BODY_BYTES`, or its JSON than what is read of JSON",
    ),
    Reason.TOO_MANY_PIXELS: Row(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "all frames together have more than `MAX_PIXELS`, or one more than the raw network takes",
    ),
    Reason.TOO_MANY_FRAMES: Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request has more than `MAX_FRAMES`"),
    Reason.UNSUPPORTED_MEDIA_TYPE: Row(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "the body is of no type read here, or compressed as a whole (`Content-Encoding`)",
    ),
    Reason.UNDECODABLE_FRAME: Row(
        HTTPStatus.UNPROCESSABLE_ENTITY, "the frame, or each of several, is empty, damaged or cannot be read exactly"
    ),
    Reason.QUEUE_FULL: Row(
        HTTPStatus.TOO_MANY_REQUESTS, "there is no place for these frames among the `QUEUE_SIZE` inside"
    ),
    Reason.NOT_READY: Row(HTTPStatus.SERVICE_UNAVAILABLE, "the models are being loaded, or the device is lost"),
    Reason.DRAINING: Row(HTTPStatus.SERVICE_UNAVAILABLE, "the process is stopping"),
    Reason.OUT_OF_MEMORY: Row(HTTPStatus.SERVICE_UNAVAILABLE, "the device has no memory for the frame"),
    Reason.DEADLINE_EXCEEDED: Row(
        HTTPStatus.GATEWAY_TIMEOUT, "the answer was not ready within `timeout_ms` or `REQUEST_TIMEOUT_S`"
    ),
    Reason.INTERNAL: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "a bug; the service's log has more under the request's id"),
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
