"""Answers that are never read are not kept, and keep no process from ending; who reads slowly gets all of them."""

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

import service.api.connection.slow_client
from tests.support.server import CODE, StartServer, running
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until

SIDE = 2048
SLOW_READ_S = 2.0  # four times the timeout of the tests
NOISE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.uint8).tobytes()
QUERY = f"mask=probability&threshold=1&width={SIDE}&height={SIDE}&dtype=u8"
HEAD = (
    f"POST /v1/detect?{QUERY} HTTP/1.1\r\nHost: x\r\n"
    f"Content-Type: application/octet-stream\r\nContent-Length: {len(NOISE)}\r\n\r\n"
)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return write_small_model(tmp_path / "a.onnx").parent


@contextmanager
def answered(client: httpx.Client, window: int) -> Iterator[tuple[socket.socket, bytes, int]]:
    """A connection of ``window`` bytes, the beginning of an answer of some MB on it, and the answer's whole size."""
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)  # later the kernel would lose what has come
        opened.settimeout(30)
        opened.connect((client.base_url.host, client.base_url.port))
        opened.sendall(HEAD.encode() + NOISE)
        begun = b""
        while b"\r\n\r\n" not in begun:
            begun += opened.recv(256)
        head, _ = begun.split(b"\r\n\r\n", 1)
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        yield opened, begun, len(head) + 4 + size


def is_taken(opened: socket.socket, sent: bytes) -> bool:
    """Whether anybody is there to take it."""
    try:
        opened.sendall(sent)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def test_an_answer_that_is_not_read_is_dropped(
    start_server: StartServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.api.connection.slow_client, "UNREAD_TIMEOUT_S", 0.5)
    client = start_server(models=models)
    with answered(client, 4096) as (opened, _, _):
        wait_until(lambda: not is_taken(opened, b"\r\n"), "the server keeps the connection", 0.1)


def test_who_reads_slowly_gets_the_whole_answer(
    start_server: StartServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.api.connection.slow_client, "UNREAD_TIMEOUT_S", 0.5)
    client = start_server(models=models)
    with answered(client, 262_144) as (opened, begun, size):
        taken, began = len(begun), time.monotonic()
        while taken < size:
            part = opened.recv(200_000)
            assert part, "the server has closed"
            taken += len(part)
            ends = began + SLOW_READ_S * taken / size  # however large the parts are, the whole takes this long
            time.sleep(max(0.0, ends - time.monotonic()))


def test_an_answer_that_is_not_read_keeps_no_process_from_ending(models: Path) -> None:
    code = f"import service.api.connection.slow_client as timer; timer.UNREAD_TIMEOUT_S = 1.0; {CODE}"
    with running(code=code, MODELS=str(models)) as (process, client), answered(client, 4096):
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
