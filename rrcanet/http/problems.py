"""Answers that are errors (RFC 9457)."""

import json
from typing import Any, Final

from rrcanet.errors import Refusal, refusal
from rrcanet.http.retry import read_retry_after
from rrcanet.http.steps import Reply

MAX_DETAIL: Final = 200  # bytes of an error answer that is no problem document
BUSY: Final = (429, 503)


def read_refusal(reply: Reply) -> Refusal:
    """The error that an answer carries."""
    problem = _problem(reply.content)
    detail = str(problem.get("detail", "")) or error_detail(reply.content) or reply.phrase
    request_id = problem.get("request_id") or reply.headers.get("x-request-id")
    wait = read_retry_after(reply.headers.get("retry-after")) if reply.status in BUSY else None
    return refusal(str(problem.get("reason", "")), reply.status, detail, request_id, wait)


def error_detail(content: bytes) -> str:
    """The ``detail`` of a problem document; for any other error answer, its first bytes as text."""
    detail = _problem(content).get("detail")
    return content[:MAX_DETAIL].decode(errors="replace") if detail is None else str(detail)


def _problem(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
