"""How a stream is opened, and which error its end means: the same for both clients."""

import ssl
from collections.abc import Mapping
from typing import Any, Final

from rrcanet.errors import MissingExtra, Refusal, RrcanetError, Unreachable, Unsupported, refusal
from rrcanet.http.problems import read_refusal
from rrcanet.http.steps import Reply
from rrcanet.http.wire import Wire

PATH: Final = "/v1/stream"
END: Final = "end"  # the text that says that no further frame comes
LOSSLESS: Final = 2  # unanswered frames: a server drops none of so few
NORMAL: Final = 1000
ABSENT: Final = (403, 404)  # how servers answer a handshake for which they have no route
CLOSED: Final = {  # codes with which a server ends a stream, and the error of a request that has the same cause
    1003: ("bad_parameter", 400),
    1009: ("body_too_large", 413),
    1012: ("draining", 503),
    1013: ("queue_full", 503),
}


def require_websockets() -> None:
    """See that the package is there.

    Raises:
        MissingExtra: it is not.
    """
    try:
        import websockets  # noqa: F401
    except ModuleNotFoundError as missing:
        raise MissingExtra(
            "stream needs the package websockets; install it with: pip install 'rrcanet-serve[stream]'"
        ) from missing


def arguments_of(wire: Wire, query: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of ``connect`` of websockets."""
    address = wire.address.url(PATH, query).replace("http", "ws", 1)
    headers = {name: value.decode("latin-1") for name, value in wire.headers.items()}
    arguments = {"uri": address, "additional_headers": headers, "max_size": None, "compression": None}
    return arguments | ({"ssl": _context(wire.verify)} if wire.address.is_secure else {})


def _context(verify: Any) -> ssl.SSLContext:
    if isinstance(verify, ssl.SSLContext):
        return verify
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def error_of(wire: Wire, error: Exception) -> RrcanetError:
    """The error for a stream that could not be opened, or that ended before the last answer."""
    from websockets.exceptions import ConnectionClosed, InvalidStatus

    if isinstance(error, InvalidStatus):
        answer = error.response
        headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        return _refused(
            read_refusal(Reply(answer.status_code, answer.reason_phrase, headers, bytes(answer.body or b"")))
        )
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code in CLOSED:
        reason, status = CLOSED[error.rcvd.code]
        return refusal(reason, status, error.rcvd.reason or "the server ended the stream")
    return Unreachable(f"{wire.address.text}: the stream ended: {error}")


def _refused(error: Refusal) -> RrcanetError:
    if error.status in ABSENT and error.reason in ("", "not_found"):
        return Unsupported(f"this server has no {PATH}: it is older than this client, or the address is another one")
    return error
