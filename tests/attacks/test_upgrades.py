"""An offer to speak another protocol is ignored: the request is answered as if it had come without."""

import json
import socket
import time

import httpx
import pytest

from tests.support.frames import GOOD
from tests.support.wire import connection, read_all

OFFER = "Connection: Upgrade, HTTP2-Settings{more}\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nUpgrade: h2c\r\n"
CLOSING = OFFER.format(more=", close")


def post(lines: str, body: bytes = GOOD, target: str = "/v1/detect?mask=none") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode()


def send_in_pieces(opened: socket.socket, *pieces: bytes) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        opened.sendall(piece)
        time.sleep(0.1)


def frames_of(answer: bytes) -> int:
    """How many, in the one answer that this is."""
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), answer
    return len(json.loads(body)["frames"])


@pytest.mark.parametrize(
    "offered",
    [CLOSING, CLOSING.replace("h2c", "websocket"), CLOSING.replace("U", "u")],
    ids=["h2c", "websocket", "in small letters"],
)
@pytest.mark.parametrize("at", [0, -1, -4, 30, None], ids=["body", "line end", "head", "name", "one piece"])
def test_the_body_of_a_request_that_offers_is_its_body(client: httpx.Client, offered: str, at: int | None) -> None:
    head = post(offered)
    cut = {0: len(head), 30: head.lower().index(b"upgrade: ") + 3, None: 0}.get(at, len(head) + (at or 0))
    message = head + GOOD
    with connection(client) as opened:
        send_in_pieces(opened, message[:cut], message[cut:])
        assert frames_of(read_all(opened)) == 1


def test_an_offer_may_come_byte_by_byte_and_its_body_in_chunks(client: httpx.Client) -> None:
    head = f"POST /v1/detect?mask=none HTTP/1.1\r\nHost: x\r\n{CLOSING}Transfer-Encoding: chunked\r\n\r\n".encode()
    with connection(client) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head:
            opened.sendall(bytes([byte]))
        send_in_pieces(opened, b"%x\r\n" % len(GOOD), GOOD[:50], GOOD[50:], b"\r\n0\r\n\r\n")
        assert frames_of(read_all(opened)) == 1


def test_requests_that_offer_follow_each_other(client: httpx.Client) -> None:
    offer, last = post(OFFER.format(more="")), post(CLOSING)
    with connection(client) as opened:
        opened.sendall((offer + GOOD) * 3 + last + GOOD)
        answer = read_all(opened)
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"HTTP/1.1") == 4


def test_many_offers_in_one_piece_break_nothing(client: httpx.Client) -> None:
    offer = b"GET /livez HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    with connection(client) as opened:
        opened.sendall(offer * 30 + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(opened).count(b"HTTP/1.1 200 ") == 31


@pytest.mark.parametrize("target", ["/livez", "x:443"])
def test_connect_is_no_offer(client: httpx.Client, target: str) -> None:
    with connection(client) as opened:
        opened.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n{CLOSING}\r\n".encode())
        assert read_all(opened).startswith(b"HTTP/1.1 4")
    assert client.get("/livez").status_code == 200
