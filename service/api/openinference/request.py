"""Reads a request body: JSON, then the data of binary tensors."""

from typing import Final

from pydantic import BaseModel, ValidationError

from service.api.openinference.wire import InferRequest
from service.errors import Reason, ServiceError
from service.validation import reword

JSON_LENGTH: Final = "Inference-Header-Content-Length"
# parsing holds the interpreter lock, so the event loop stops: for 4 MiB of one-element lists it would stop for seconds
MAX_JSON_BYTES: Final = 4 * 2**20
MAX_JSON_VALUES: Final = 2**18  # in a tensor: a frame of 512x512
MAX_JSON_LISTS: Final = 2**14  # rows of a tensor
SPARE_VALUES: Final = 2**10  # for names, shapes and parameters
MAX_FAULTS: Final = 5  # named in an answer


def bad(detail: str) -> ServiceError:
    """The error for a request that does not follow the protocol."""
    return ServiceError(Reason.BAD_PARAMETER, detail)


def read_json_length(header: str | None) -> int | None:
    """The number of bytes of JSON at the beginning of the body; None if the whole body is JSON.

    Raises:
        ServiceError: the header is not a number of bytes.
    """
    if header is None:
        return None
    if not (header.isascii() and header.isdecimal() and len(header) < 16):
        raise bad(f"{JSON_LENGTH} must be a number of bytes, and is {header[:64]!r}")
    return int(header)


def read_request(content: bytes, json_length: int | None) -> tuple[InferRequest, memoryview]:
    """The JSON of a body, and the bytes after it.

    Raises:
        ServiceError: the JSON is invalid (the first faults are named) or too large.
    """
    length = len(content) if json_length is None else json_length
    if length > len(content):
        raise bad(f"{JSON_LENGTH} is {length}, but the body has only {len(content)} bytes")
    if length > MAX_JSON_BYTES:
        detail = f"the JSON has {length} bytes, but may have at most {MAX_JSON_BYTES}; send tensors as binary data"
        raise ServiceError(Reason.BODY_TOO_LARGE, detail)
    text = content[:length]
    _refuse_many_values(text)
    try:
        request = InferRequest.model_validate_json(text)
    except ValidationError as error:
        raise bad(describe(error, InferRequest)) from error
    return request, memoryview(content)[length:]


def _refuse_many_values(text: bytes) -> None:
    values, lists = text.count(b","), text.count(b"[") + text.count(b"{")
    if values > MAX_JSON_VALUES + SPARE_VALUES or lists > MAX_JSON_LISTS:
        detail = (
            f"the JSON may have at most {MAX_JSON_VALUES} values in {MAX_JSON_LISTS} lists; send tensors as binary data"
        )
        raise ServiceError(Reason.BODY_TOO_LARGE, detail)


def describe(error: ValidationError, shape: type[BaseModel]) -> str:
    """The first faults, each with its place in the JSON."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FAULTS]
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or shape.__name__}: {reword(fault['msg'])}" for fault in faults
    )
