"""Requests of thousands of small parts: none of them stops the event loop."""

import itertools
import string
import time

import httpx
import pytest

from tests.attacks.process.attackers import head
from tests.attacks.process.test_connections import ended
from tests.support.frames import GOOD
from tests.support.server import running
from tests.support.wire import connection, read_all

WITHIN_S = 0.25  # of CPU; half of what the first of these took
NAMES = "&".join(
    "".join(letters) for letters in itertools.islice(itertools.product(string.ascii_letters, repeat=3), 8000)
)
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def cpu_of_loop(pid: int) -> float:
    """CPU time of the first thread, which runs the event loop."""
    with open(f"/proc/{pid}/task/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def test_a_query_of_thousands_of_parameters_is_refused_soon() -> None:
    with running() as (process, client):
        before = cpu_of_loop(process.pid)
        answer = client.post(f"/v1/detect?{NAMES}", content=GOOD)
        assert cpu_of_loop(process.pid) - before < WITHIN_S
        assert (answer.status_code, answer.json()["reason"]) == (400, "bad_parameter")
        assert "more than 64 parameters" in answer.json()["detail"]


def test_a_connection_of_thousands_of_requests_is_closed_soon() -> None:
    with running() as (process, client):
        before = cpu_of_loop(process.pid)
        with connection(client) as opened:
            try:
                opened.sendall(GET * 20_000)
                read_all(opened)
            except ConnectionError:
                pass
        assert ended(client, "pipelined") == 1
        assert cpu_of_loop(process.pid) - before < WITHIN_S


@pytest.mark.parametrize("count", [2, 30])
def test_some_requests_may_be_sent_at_once(client: httpx.Client, count: int) -> None:
    with connection(client) as opened:
        opened.sendall(GET * (count - 1) + GET.replace(b"Host: x", b"Host: x\r\nConnection: close"))
        assert read_all(opened).count(b"HTTP/1.1 200 OK") == count


def test_a_body_in_chunks_of_one_byte_is_read(client: httpx.Client) -> None:
    start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked\r\nConnection: close")
    with connection(client) as opened:
        opened.sendall(start + b"".join(b"1\r\n%c\r\n" % byte for byte in GOOD) + b"0\r\n\r\n")
        began = time.monotonic()
        assert read_all(opened).startswith(b"HTTP/1.1 200 OK")
        assert time.monotonic() - began < 10
