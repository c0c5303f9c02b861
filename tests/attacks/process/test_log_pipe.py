"""A log that nobody reads, or that is closed, costs log lines and no request."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.frames import png
from tests.support.server import CODE
from tests.support.small_models import Rule, write_small_model
from tests.support.waiting import wait_until
from tests.support.wire import free_port

NOISE = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
SMALL, LARGE = png(NOISE[:8, :8]), png(NOISE)


def dropped(client: httpx.Client) -> float:
    found = re.search(r"^rrcanet_log_lines_dropped_total (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else -1.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that fails with large frames. ONNX Runtime writes to standard error by itself when a run fails."""
    return write_small_model(tmp_path_factory.mktemp("models") / "a.onnx", Rule.HUNGRY).parent


@contextmanager
def pipe() -> Iterator[int]:
    """Nobody reads it."""
    with closing(*os.pipe()) as writer:
        yield writer


@contextmanager
def terminal() -> Iterator[int]:
    """Nobody looks at it."""
    with closing(*pty.openpty()) as writer:
        yield writer


@contextmanager
def stopped_terminal() -> Iterator[int]:
    """Ctrl-S was typed."""
    with terminal() as writer:
        termios.tcflow(writer, termios.TCOOFF)
        yield writer


@contextmanager
def journal() -> Iterator[int]:
    """A socket, as systemd's. Nobody reads it."""
    with closing(*(end.detach() for end in socket.socketpair())) as writer:
        yield writer


@contextmanager
def slow_disk() -> Iterator[int]:
    """A file, to which ``SLOW`` writes nothing within an hour."""
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


@contextmanager
def closing(reader: int, writer: int) -> Iterator[int]:
    """Give the end that is written to, and close both."""
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


FEW_LINES = "import service.observability.logs as w; w.MOST_BYTES = 10_000; "
SLOW = (
    "import os, stat, time; write = os.write; "
    "os.write = lambda to, what: time.sleep(3600 * stat.S_ISREG(os.fstat(to).st_mode)) or write(to, what); "
)


@pytest.mark.parametrize("log", [pipe, terminal, stopped_terminal, journal, slow_disk])
def test_a_log_that_stalls_stops_no_request(log: Callable[[], AbstractContextManager[int]], models: Path) -> None:
    code = FEW_LINES + (SLOW if log is slow_disk else "") + CODE
    with log() as descriptor, logging_to(descriptor, code, models) as (process, client):
        wait_until(lambda: slowest(client, 100) > 5 or dropped(client) > 0, "no line is dropped", 0)
        assert dropped(client) > 0, "a request takes longer than 5 s"
        for frame, status in ((LARGE, 503), (SMALL, 200)):
            assert client.post("/v1/detect?mask=none", content=frame).status_code == status
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_the_end_of_the_reader_stops_no_request(models: Path) -> None:
    reader, writer = os.pipe()
    with logging_to(writer, CODE, models) as (process, client):
        assert b"ready" in os.read(reader, 65536)
        assert os.get_blocking(writer), "O_NONBLOCK would be set for every process that shares the pipe"
        os.close(reader)
        os.close(writer)
        for _ in range(20):
            assert client.get("/v1/models").status_code == 200
        wait_until(lambda: dropped(client) > 0, "no line is counted")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def slowest(client: httpx.Client, requests: int) -> float:
    """Seconds of the slowest of so many requests."""
    seconds = []
    for _ in range(requests):
        began = time.monotonic()
        assert client.get("/v1/models").status_code == 200
        seconds.append(time.monotonic() - began)
    return max(seconds)


@contextmanager
def logging_to(descriptor: int, code: str, models: Path) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    """A server whose standard error is ``descriptor``; ``code`` is what Python runs."""
    port = free_port()
    command = [sys.executable, "-c", code, "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"RRCANET_MODELS": str(models)}, stderr=descriptor)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            wait_until(lambda: process.poll() is not None or is_ready(client), "the server does not start", 0.05)
            yield process, client
    finally:
        process.kill()
        process.wait()


@contextmanager
def without_streams(*closed: int) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A server that is started with closed standard streams, as ``2>&-`` does."""
    with httpx.Client() as client:
        port = free_port()
        client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        words = " ".join(f"{descriptor}>&-" for descriptor in closed)
        command = f'exec "$0" -c "$1" serve --port {port} {words}'
        process = subprocess.Popen(["sh", "-c", command, sys.executable, CODE], env=os.environ)
        try:
            wait_until(
                lambda: process.poll() is not None or is_ready(client, "/livez"), "the server does not start", 0.1
            )
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


def is_ready(client: httpx.Client, path: str = "/readyz") -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False
