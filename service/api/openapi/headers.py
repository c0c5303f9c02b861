"""Describes headers for the OpenAPI document."""

from typing import Any, Final

REQUEST_ID: Final = "X-Request-Id"
SERVER_TIMING: Final = "Server-Timing"
RETRY_AFTER: Final = "Retry-After"
CHALLENGE: Final = "WWW-Authenticate"

TEXT: Final = {"type": "string"}
SECONDS: Final = {"type": "integer", "minimum": 1}

HEADERS: Final[dict[str, dict[str, Any]]] = {
    REQUEST_ID: {"description": "The id that the caller sent, or a new one.", "schema": TEXT},
    SERVER_TIMING: {"description": "Milliseconds of every stage, as in `timing_ms`.", "schema": TEXT},
    RETRY_AFTER: {"description": "Whole seconds until a retry makes sense.", "schema": SECONDS},
    CHALLENGE: {"description": "The request needs an API key.", "schema": TEXT},
}
PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    REQUEST_ID: {
        "name": REQUEST_ID,
        "in": "header",
        "description": "The answer has the same id. 1 to 128 visible ASCII characters; any other id is replaced.",
        "schema": TEXT,
    },
}


def refer(*names: str) -> dict[str, dict[str, str]]:
    """The headers of an answer, as references to ``HEADERS``."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
