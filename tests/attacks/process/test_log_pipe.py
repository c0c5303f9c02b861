"""A log that nobody reads, or that is closed, costs log lines and no request."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.support.server import CODE, running
from tests.support.waiting import wait_until

FULL_PIPE_LINES = 800  # a pipe of 64 KB holds about 600 lines of requests


def dropped(client: httpx.Client) -> float:
    found = re.search(r"^rrcanet_log_lines_dropped_total (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else -1.0


def test_a_pipe_that_nobody_reads_stops_no_request() -> None:
    small = "import service.observability.logs as w; w.MOST_CHARACTERS = 10_000; "
    with running(code=small + CODE) as (process, client):
        client.timeout = httpx.Timeout(10)
        slowest = 0.0
        for _ in range(FULL_PIPE_LINES):
            began = time.monotonic()
            assert client.get("/v1/models").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 5
        assert dropped(client) > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_end_of_the_reader_stops_no_request() -> None:
    with running() as (process, client):
        assert process.stderr is not None
        process.stderr.close()
        for _ in range(20):
            assert client.get("/v1/models").status_code == 200
        wait_until(lambda: dropped(client) > 0, "no line is counted")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@contextmanager
def without_streams(*closed: int) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A server that is started with closed standard streams, as ``2>&-`` does."""
    with httpx.Client() as client:
        port = _free_port()
        client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        words = " ".join(f"{descriptor}>&-" for descriptor in closed)
        command = f'exec "$0" -c "$1" serve --port {port} {words}'
        process = subprocess.Popen(["sh", "-c", command, *_python()], env=os.environ)
        try:
            wait_until(lambda: process.poll() is not None or _is_live(client), "the server does not start", 0.1)
            yield process, client
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)])
def test_closed_streams_reset_no_connection_and_abort_nothing(closed: tuple[int, ...]) -> None:
    with without_streams(*closed) as (process, client):
        for _ in range(20):
            answer = httpx.get(client.base_url.join("/v1/models"))  # on a connection of its own
            assert answer.status_code in (200, 503)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def _python() -> list[str]:

    return [sys.executable, CODE]


def _is_live(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
