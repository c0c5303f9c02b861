"""Which request opens a WebSocket (RFC 6455, section 4.2.1)."""

from collections.abc import Iterable
from typing import Final

from httptools import HttpRequestParser

from service.api.stream.route import PATH

ROUTE: Final = PATH.encode()
WITH_BODY: Final = {b"content-length", b"transfer-encoding"}


def is_handshake(parser: HttpRequestParser, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether complete headers open a WebSocket at the route of streams.

    Every other offer to upgrade is ignored. A route behind a prefix ends like the route itself.
    """
    if parser.get_method() != b"GET" or not url.partition(b"?")[0].endswith(ROUTE):
        return False
    values = dict(headers)
    return (
        parser.get_http_version() == "1.1"
        and values.get(b"upgrade", b"").lower() == b"websocket"
        and b"sec-websocket-key" in values
        and values.get(b"sec-websocket-version") == b"13"
        and WITH_BODY.isdisjoint(values)
    )
