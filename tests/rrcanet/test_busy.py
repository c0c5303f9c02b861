"""A client waits for a busy server as long as the server says, and it bears one that is older than itself."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from rrcanet import AsyncClient, Client
from rrcanet.errors import Busy, Unreachable
from rrcanet.http.retry import LONGEST_WAIT_S, read_retry_after

FRAME = np.zeros((4, 4), np.uint8)


class Server(ThreadingHTTPServer):
    """A server that is too old for ``/v1/limits`` and refuses the first requests.

    Attributes:
        refusals: how many requests are answered with ``status``.
        most: requests that ran at the same time.
    """

    refusals, status, retry_after, most, running = 0, 429, "0", 0, 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def refuses(self) -> bool:
        with self.lock:
            self.refusals -= 1
            return self.refusals >= 0

    def count(self, change: int) -> None:
        with self.lock:
            self.running += change
            self.most = max(self.most, self.running)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked[self.path] += 1
        self.answer(404, {"reason": "not_found", "detail": f"there is no route {self.path}", "status": 404})

    def do_POST(self) -> None:
        self.server.asked["POST"] += 1
        self.server.count(1)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.05)
        self.server.count(-1)
        if self.server.refuses():
            self.answer(self.server.status, {"reason": "queue_full", "detail": "no room", "request_id": "r1"})
            return
        parts = max(1, body.count(b"\x93NUMPY"))
        frame = {"width": 4, "height": 4, "targets": []}
        self.answer(200, {"frames": [frame | {"index": n, "name": str(n)} for n in range(parts)]})

    def answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@contextmanager
def running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_busy_server_is_asked_again(server: Server, status: int, is_async: bool) -> None:
    server.refusals, server.status = 3, status

    async def asked() -> int:
        async with AsyncClient(url(server)) as client:
            return len(await client.detect(FRAME))

    if is_async:
        assert asyncio.run(asked()) == 1
    else:
        with Client(url(server)) as client:
            assert len(client.detect(FRAME)) == 1
    assert server.asked == {"POST": 4}, "one frame needs no limits"


def test_a_server_that_stays_busy_is_given_up(server: Server) -> None:
    server.refusals = 100
    with Client(url(server), retries=2) as client, pytest.raises(Busy, match="no room; sent 3 times") as raised:
        client.detect(FRAME)
    error = raised.value
    assert (error.status, error.reason, error.request_id, error.retry_after_s) == (429, "queue_full", "r1", 0.1)
    assert server.asked["POST"] == 3


def test_no_wait_is_longer_than_half_a_minute() -> None:
    assert read_retry_after("100000") == LONGEST_WAIT_S == 30


def test_several_requests_run_at_a_time_but_not_more_than_was_set(server: Server) -> None:
    with Client(url(server), in_flight=3) as client:
        assert len(client.detect([FRAME] * 40)) == 40
    assert server.most == 3
    assert server.asked["/v1/limits"] == 1


def test_a_server_without_limits_gets_careful_requests(server: Server) -> None:
    with Client(url(server)) as client:
        found = client.detect([FRAME] * 9, a_new_option=1)  # type: ignore[call-arg]
        assert [one.index for one in found] == list(range(9))
        client.detect([FRAME] * 9)
        assert client.limits().max_frames == 16
    assert server.asked["/v1/limits"] == 1


def test_cancel_ends_the_calls_that_wait(server: Server) -> None:
    server.refusals, server.retry_after = 100, "20"
    errors: list[BaseException] = []
    client = Client(url(server))

    def ask() -> None:
        try:
            client.detect(FRAME)
        except Unreachable as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    began = time.monotonic()
    thread.start()
    while not server.asked["POST"]:
        time.sleep(0.01)
    client.cancel()
    thread.join()
    client.close()
    assert [str(error) for error in errors] == ["the call was cancelled"]
    assert time.monotonic() - began < 10
