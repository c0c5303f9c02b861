"""Bodies that arrive, of all connections together: their memory is bounded, and others are served meanwhile."""

import gzip
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.attacks.process.attackers import head
from tests.attacks.process.test_connections import metrics
from tests.support.frames import GOOD
from tests.support.server import StartServer
from tests.support.waiting import wait_until
from tests.support.wire import connection

BODY = 2_000_000
ROOM = 3 * BODY
PIECE = bytes(500_000)


def held(client: httpx.Client) -> float:
    found = re.search(r"^rrcanet_body_bytes (\S+)$", metrics(client), re.MULTILINE)
    assert found
    return float(found[1])


@pytest.fixture
def server(start_server: StartServer) -> httpx.Client:
    return start_server(max_body_bytes=BODY, queue_bytes=ROOM)


@contextmanager
def filling(client: httpx.Client) -> Iterator[list[socket.socket]]:
    """Three bodies that lack their last byte: a fourth has no room."""
    with connection(client) as first, connection(client) as second, connection(client) as third:
        for one in (first, second, third):
            one.sendall(head(BODY) + bytes(BODY - 1))
        wait_until(lambda: held(client) == 3 * (BODY - 1), "the bodies do not arrive")
        yield [first, second, third]


def send_in_pieces(opened: socket.socket) -> bytes:
    """A body whose pieces arrive one by one, and its answer."""
    opened.sendall(head(BODY))
    for _ in range(BODY // len(PIECE)):
        opened.sendall(PIECE)
        time.sleep(0.05)
    return opened.recv(65_536)


def test_a_body_without_room_is_refused_and_counted(server: httpx.Client) -> None:
    with filling(server) as others, connection(server) as late:
        answer = send_in_pieces(late)
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b'"queue_full"' in answer
        assert b"bodies of all requests together may have 6000000 bytes" in answer
        assert re.search(rb"\r\nretry-after: [1-9]", answer, re.IGNORECASE)
        assert 0 < held(server) <= ROOM
        assert 'rrcanet_rejected_total{reason="queue_full"} 1.0' in metrics(server)
        assert server.post("/v1/detect", content=GOOD).status_code == 200, "a body in one piece needs no room"
        for one in others:
            one.sendall(b"\0")
            assert one.recv(65_536).startswith(b"HTTP/1.1 415 "), "those that were here first are answered"
    assert held(server) == 0


def test_a_large_body_that_has_become_slow_makes_room(server: httpx.Client) -> None:
    with filling(server) as others, connection(server) as late:
        time.sleep(2.5)  # nothing comes any more, though all three began fast
        assert send_in_pieces(late).startswith(b"HTTP/1.1 415 ")
        assert any(b" 429 " in one.recv(65_536) for one in others)


def test_what_a_compressed_body_inflates_to_counts(server: httpx.Client) -> None:
    bomb = gzip.compress(bytes(BODY))

    def send() -> tuple[int, str]:
        answer = server.post("/v1/detect", content=bomb, headers={"Content-Encoding": "gzip"})
        return answer.status_code, answer.json()["reason"]

    with filling(server):
        assert send() == (429, "queue_full")
    wait_until(lambda: held(server) == 0, "the bytes are not given back")
    assert send() == (415, "unsupported_media_type")
    assert held(server) == 0
