"""Writes errors as ``application/problem+json`` (RFC 9457), and under ``/v2`` as the Open Inference Protocol does."""

import json
import math
from collections.abc import Mapping
from typing import Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

from service.errors import Reason, ServiceError
from service.validation import reword

MEDIA_TYPE: Final = "application/problem+json"
OPEN_INFERENCE: Final = "/v2"
REASON_OF_STATUS: Final = {404: Reason.NOT_FOUND, 405: Reason.METHOD_NOT_ALLOWED, 400: Reason.BAD_PARAMETER}


def problem(request: HTTPConnection, error: ServiceError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that failed; the reason is stored in the request's state for the metrics."""
    request.state.reason = error.reason.value
    status = error.reason.status
    extra = dict(headers or {})
    if error.retry_after_s is not None:
        extra["Retry-After"] = str(math.ceil(error.retry_after_s))
    if is_open_inference(request.scope["path"]):
        return Response(json.dumps({"error": error.detail}).encode(), status.value, extra, "application/json")
    return Response(problem_body(error, request.state.request_id), status.value, extra, MEDIA_TYPE)


def problem_body(error: ServiceError, request_id: str) -> bytes:
    """The JSON of a problem."""
    return json.dumps(problem_of(error, request_id)).encode()


def problem_of(error: ServiceError, request_id: str) -> dict[str, object]:
    """The fields of a problem."""
    status = error.reason.status
    return {
        "type": "about:blank",
        "status": status.value,
        "title": status.phrase,
        "detail": error.detail,
        "reason": error.reason.value,
        "request_id": request_id,
    }


def is_open_inference(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol."""
    return path == OPEN_INFERENCE or path.startswith(f"{OPEN_INFERENCE}/")


async def on_service_error(request: HTTPConnection, error: Exception) -> Response:
    """Answer an error of the service."""
    assert isinstance(error, ServiceError)
    return problem(request, error)


async def on_bad_parameter(request: HTTPConnection, error: Exception) -> Response:
    """Answer invalid parameters; all of them are named."""
    assert isinstance(error, RequestValidationError)
    faults = "; ".join(f"{_name(fault['loc'])}: {reword(fault['msg'])}" for fault in error.errors())
    return problem(request, ServiceError(Reason.BAD_PARAMETER, faults))


async def on_http_error(request: HTTPConnection, error: Exception) -> Response:
    """Answer an error of Starlette: the path or the method does not exist."""
    assert isinstance(error, HTTPException)
    reason = REASON_OF_STATUS.get(error.status_code, Reason.INTERNAL)
    detail = {
        Reason.NOT_FOUND: f"there is no route {request.url.path}",
        Reason.METHOD_NOT_ALLOWED: f"{request.url.path} does not allow {request.scope.get('method')}",
    }.get(reason, str(error.detail))
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"  # every route with GET answers HEAD
    return problem(request, ServiceError(reason, detail), headers)


def _name(location: tuple[str | int, ...]) -> str:
    return str(location[-1]) if len(location) > 1 else "query"
