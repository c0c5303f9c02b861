"""All errors that a caller can get, in one table: the HTTP status, OpenAPI and the docs follow it."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final, NamedTuple


class Reason(StrEnum):
    """The machine-readable reason of an error, as in the field ``reason`` of a problem."""

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
    TOO_SLOW = "too_slow"
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
        """When a caller gets this reason, for documents (Markdown)."""
        return TABLE[self].when


class Row(NamedTuple):
    """One row of the table: the HTTP status of a reason, and when a caller gets it."""

    status: HTTPStatus
    when: str


TABLE: Final[dict[Reason, Row]] = {
    Reason.BAD_PARAMETER: Row(
        HTTPStatus.BAD_REQUEST, "a query parameter, a header or the structure of the body is invalid"
    ),
    Reason.UNAUTHORIZED: Row(HTTPStatus.UNAUTHORIZED, "the service needs an API key, and the request has no valid one"),
    Reason.UNKNOWN_MODEL: Row(
        HTTPStatus.NOT_FOUND, "no model of this name or version is served; `detail` lists the served models"
    ),
    Reason.NOT_FOUND: Row(HTTPStatus.NOT_FOUND, "no route has this path"),
    Reason.METHOD_NOT_ALLOWED: Row(
        HTTPStatus.METHOD_NOT_ALLOWED, "the route does not have this method; the header `Allow` lists those it has"
    ),
    Reason.NOT_ACCEPTABLE: Row(
        HTTPStatus.NOT_ACCEPTABLE, "`Accept` allows neither JSON, nor NDJSON, nor, for a single frame, `image/png`"
    ),
    Reason.REQUEST_TIMEOUT: Row(
        HTTPStatus.REQUEST_TIMEOUT, "the body did not arrive within `REQUEST_TIMEOUT_S`, or arrived too slowly"
    ),
    Reason.HEADERS_TOO_LARGE: Row(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the address and the headers together are larger than 32 KiB"
    ),
    Reason.BODY_TOO_LARGE: Row(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "the body is larger than `MAX_BODY_BYTES`, or the JSON under `/v2` is too large",
    ),
    Reason.TOO_MANY_PIXELS: Row(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "all frames together have more pixels than `MAX_PIXELS`, or one frame is too large for the network under `/v2`",
    ),
    Reason.TOO_MANY_FRAMES: Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request has more frames than `MAX_FRAMES`"),
    Reason.UNSUPPORTED_MEDIA_TYPE: Row(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "the media type of the body is not supported, or the body is compressed in another way than gzip or deflate "
        "(`Content-Encoding`)",
    ),
    Reason.UNDECODABLE_FRAME: Row(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the frame, or every one of several frames, is empty, damaged, or cannot be read without loss",
    ),
    Reason.QUEUE_FULL: Row(
        HTTPStatus.TOO_MANY_REQUESTS,
        "with this request, more than `QUEUE_SIZE` frames would be in the queue, or bodies would have more than "
        "`QUEUE_BYTES` together",
    ),
    Reason.TOO_SLOW: Row(
        HTTPStatus.TOO_MANY_REQUESTS,
        "the device has so much work that the answer would come later than `timeout_ms`, or than "
        "`LATENCY_OBJECTIVE_MS` if the request names no time",
    ),
    Reason.NOT_READY: Row(HTTPStatus.SERVICE_UNAVAILABLE, "the models are still loading, or the device is lost"),
    Reason.DRAINING: Row(HTTPStatus.SERVICE_UNAVAILABLE, "the process is stopping"),
    Reason.OUT_OF_MEMORY: Row(
        HTTPStatus.SERVICE_UNAVAILABLE, "the device or the host does not have enough memory for the request"
    ),
    Reason.DEADLINE_EXCEEDED: Row(
        HTTPStatus.GATEWAY_TIMEOUT, "the answer was not ready within `timeout_ms` or `REQUEST_TIMEOUT_S`"
    ),
    Reason.INTERNAL: Row(
        HTTPStatus.INTERNAL_SERVER_ERROR, "a bug in the service; its log has details under the request id"
    ),
}


NO_MEMORY: Final = "this machine has no memory left for the request; try again"


class ServiceError(Exception):
    """An error that a caller gets: a reason for programs, and a detail for people.

    Args:
        reason: the row of the table.
        detail: what is wrong with this request and what to do; never the content of a frame.
        retry_after_s: seconds until a retry makes sense; None if it does not.
    """

    def __init__(self, reason: Reason, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.retry_after_s = reason, detail, retry_after_s

    def bare(self) -> "ServiceError":
        """A copy without traceback: the stack frames of a traceback keep the images of a request in memory."""
        return ServiceError(self.reason, self.detail, self.retry_after_s)
