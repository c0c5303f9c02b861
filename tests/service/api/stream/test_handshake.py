"""Handshakes that are refused get a problem, as requests do."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from service.keys import hash_of
from tests.service.api.stream.opening import one_by_one, open_stream
from tests.support.frames import GOOD
from tests.support.server import StartServer
from tests.support.waiting import wait_until
from tests.support.wire import connection, read_all


def refusal(client: httpx.Client, query: str = "", **headers: str) -> tuple[int, dict[str, Any], Any]:
    """Status, problem and headers of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused, open_stream(client, query, **headers):
        pass
    response = refused.value.response
    return response.status_code, json.loads(response.body), response.headers


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("?treshold=0.5", 400, "bad_parameter"),
        ("?width=640", 400, "bad_parameter"),
        ("?threshold=2", 400, "bad_parameter"),
        ("?mask=none&mask=rle", 400, "bad_parameter"),
        ("?track=true&confirm=5/3", 400, "bad_parameter"),
        ("?model=nope", 404, "unknown_model"),
    ],
)
def test_a_wrong_query_is_refused_before_the_first_frame(
    client: httpx.Client, query: str, status: int, reason: str
) -> None:
    found, problem, headers = refusal(client, query, **{"X-Request-Id": "mine"})
    assert (found, problem["status"], problem["reason"]) == (status, status, reason)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == problem["request_id"] == "mine"


def test_a_stream_needs_a_key_where_requests_do(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    client = start_server(api_keys_file=tmp_path / "keys.txt")
    for headers in ({}, {"X-API-Key": "wrong"}):
        status, problem, answered = refusal(client, **headers)
        assert (status, problem["reason"]) == (401, "unauthorized")
        assert answered["www-authenticate"].startswith("Bearer")
    for headers in ({"X-API-Key": "secret"}, {"Authorization": "Bearer secret"}):
        with open_stream(client, **headers) as stream:
            assert one_by_one(stream, [GOOD])[0]["targets"]


def test_more_streams_than_the_setting_are_refused_until_one_ends(start_server: StartServer) -> None:
    client = start_server(max_streams=1)
    with open_stream(client) as first:
        status, problem, headers = refusal(client)
        assert (status, problem["reason"], headers["retry-after"]) == (429, "queue_full", "1")
        assert one_by_one(first, [GOOD])[0]["targets"]
    wait_until(lambda: "rrcanet_streams 0.0" in client.get("/metrics").text, "the stream does not end")
    with open_stream(client) as second:
        assert one_by_one(second, [GOOD])[0]["targets"]


def test_a_request_that_is_no_handshake_gets_a_problem(client: httpx.Client) -> None:
    assert client.get("/v1/stream").json()["reason"] == "bad_parameter"
    assert client.post("/v1/stream").status_code == 405
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    for lines in (
        upgrade,
        f"{upgrade}Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        f"{upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 0\r\n",
    ):
        with connection(client) as opened:
            opened.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
            opened.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = read_all(opened)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"HTTP/1.1 200 OK" in answer, "the connection stays one of HTTP"


def test_a_handshake_behind_an_unanswered_request_is_no_handshake(client: httpx.Client) -> None:
    head = f"POST /v1/detect?mask=none HTTP/1.1\r\nHost: x\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode()
    with connection(client) as opened:
        opened.sendall(head + GOOD + HANDSHAKE + b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = read_all(opened)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answer) == [b"200", b"400", b"200"]


HANDSHAKE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_a_stream_may_follow_a_request_on_its_connection(client: httpx.Client) -> None:
    with connection(client) as opened:
        opened.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert opened.recv(65_536).startswith(b"HTTP/1.1 200 ")
        opened.sendall(HANDSHAKE)
        assert opened.recv(65_536).startswith(b"HTTP/1.1 101 ")
        opened.sendall(END)
        assert opened.recv(65_536) == b"\x88\x02\x03\xe8", "closed with 1000"
        opened.sendall(CLOSE)
        assert opened.recv(65_536) == b""


def test_a_client_that_does_not_wait_for_the_handshake_is_ended(client: httpx.Client) -> None:
    with connection(client) as opened:
        opened.sendall(HANDSHAKE + END)
        assert read_all(opened) == b""


END = b"\x81\x83\0\0\0\0end"  # a masked text message
CLOSE = b"\x88\x82\0\0\0\0\x03\xe8"
