"""Bodies that never arrive hold places for as long as a request may take, and keep nobody from asking for health."""

import time
from contextlib import ExitStack

import httpx
import pytest

import service.api.connection.protocol
from tests.support.frames import GOOD
from tests.support.server import StartServer, wait_for_frames
from tests.support.wire import connection, read_all

HEAD = f"POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode()
PLACES = 4
TIMEOUT_S = 2.0


def test_places_that_slow_bodies_hold_are_free_again_after_the_timeout(start_server: StartServer) -> None:
    client = start_server(queue_size=PLACES, max_frames=1, request_timeout_s=TIMEOUT_S)
    with ExitStack() as stack:
        slow = [stack.enter_context(connection(client)) for _ in range(PLACES)]
        for one in slow:
            one.sendall(HEAD + GOOD[:100])
        wait_for_frames(client, PLACES)
        refused = client.post("/v1/detect", content=GOOD)
        assert (refused.status_code, refused.json()["reason"]) == (429, "queue_full")
        assert int(refused.headers["retry-after"]) >= 1
        assert [client.get(path).status_code for path in ("/livez", "/readyz", "/metrics")] == [200] * 3
        for one in slow:
            assert b" 408 " in read_all(one).split(b"\r\n")[0]
        assert client.post("/v1/detect", content=GOOD).status_code == 200


def test_a_body_that_trickles_on_after_its_answer_is_not_read_for_ever(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.api.connection.protocol, "REST_TIMEOUT_S", 1.0)
    client = start_server(request_timeout_s=0.5)
    with connection(client) as opened:
        opened.sendall(HEAD)
        began = time.monotonic()
        while time.monotonic() < began + 15:
            try:
                opened.sendall(b"x")
            except OSError:
                break  # the server has closed, as it should
            time.sleep(0.05)
        assert time.monotonic() - began < 10


def test_a_body_that_ends_after_its_answer_leaves_the_connection_to_others(client: httpx.Client) -> None:
    with connection(client) as opened:
        opened.sendall(HEAD.replace(b"Host: x", b"Host: x\r\nContent-Encoding: br") + GOOD[:100])
        assert b" 415 " in opened.recv(65536)
        opened.sendall(GOOD[100:])
        opened.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"HTTP/1.1 200 " in read_all(opened)


@pytest.mark.parametrize("closing", ["HTTP/1.0\r\nHost: x", "HTTP/1.1\r\nHost: x\r\nConnection: close"])
def test_who_still_sends_hears_the_answer_on_a_connection_that_closes(client: httpx.Client, closing: str) -> None:
    size = 20_000_000
    head = f"POST /v1/detect?nonsense=1 {closing}\r\nContent-Length: {size}\r\n\r\n".encode()
    with connection(client) as opened:
        opened.sendall(head)
        time.sleep(0.3)  # the answer is here before the body is
        opened.sendall(bytes(size))
        answer = read_all(opened)
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert answer.count(b"HTTP/1.1") == 1
    assert client.get("/livez").status_code == 200


def test_a_connection_that_closes_serves_no_further_request(client: httpx.Client) -> None:
    with connection(client) as opened:
        opened.sendall(b"POST /v1/detect?nonsense=1 HTTP/1.1\r\nConnection: close\r\nContent-Length: 9\r\n\r\n123")
        assert b" 400 " in opened.recv(65536)
        opened.sendall(b"456789GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_all(opened) == b""
