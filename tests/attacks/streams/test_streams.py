"""Streams whose clients vanish, stall, or send what is too much."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection

import service.api.connection.slow_client
from benchmarks.serving.servers.process import resident_mb
from tests.attacks.process.test_connections import ended
from tests.attacks.process.test_memory import held
from tests.service.api.stream.opening import one_by_one, open_stream, rest
from tests.service.api.stream.test_handshake import HANDSHAKE
from tests.service.api.stream.test_stream import value
from tests.support.frames import GOOD, npy
from tests.support.server import Process, running, serving
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until
from tests.support.wire import connection

LARGEST = 100_000
ROOM = 4 * LARGEST
GROWTH_MB = 15.0  # 800 frames of 64 KiB would take 52 MB


@pytest.fixture(scope="module")
def server(brightness_models: Path) -> Iterator[httpx.Client]:
    limits: dict[str, Any] = {"max_body_bytes": LARGEST, "queue_bytes": ROOM, "request_timeout_s": 1, "max_streams": 8}
    with serving(models=brightness_models, **limits) as client:
        yield client


@pytest.fixture(scope="module")
def brightness_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that takes next to no time."""
    return write_small_model(tmp_path_factory.mktemp("models") / "small.onnx").parent


@contextmanager
def raw(client: httpx.Client) -> Iterator[tuple[socket.socket, ClientConnection]]:
    """A stream, and its socket for what no client would send."""
    with open_stream(client) as stream:
        yield stream.socket, stream


def masked(opcode: int, content: bytes, announced: int | None = None) -> bytes:
    """A frame of RFC 6455 that announces as many bytes, whatever follows."""
    size = len(content) if announced is None else announced
    length = bytes([0x80 | size]) if size < 126 else b"\xff" + struct.pack(">Q", size)
    return bytes([opcode]) + length + bytes(4) + content


def gone(client: httpx.Client) -> bool:
    """Whether nothing is left of any stream."""
    return value(client, "rrcanet_streams") == value(client, "rrcanet_queue_frames") == held(client) == 0


def test_of_a_client_that_vanishes_everything_is_freed(server: httpx.Client) -> None:
    with raw(server) as (opened, stream):
        for _ in range(50):
            stream.send(GOOD)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no farewell
        opened.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: gone(server), "something of the stream is left")


def test_a_message_that_is_too_large_is_refused_as_soon_as_it_says_so(server: httpx.Client) -> None:
    with raw(server) as (opened, stream):
        assert one_by_one(stream, [GOOD])[0]["index"] == 0
        opened.sendall(masked(0x82, bytes(1000), LARGEST + 1))
        with pytest.raises(ConnectionClosedError) as closed:
            stream.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    wait_until(lambda: gone(server), "something of the stream is left")


def test_pieces_of_a_message_count_together(server: httpx.Client) -> None:
    with raw(server) as (opened, stream):
        opened.sendall(masked(0x02, bytes(60_000)))
        opened.sendall(masked(0x80, bytes(60_000)))
        with pytest.raises(ConnectionClosedError) as closed:
            stream.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_empty_pieces_without_end_are_ended(server: httpx.Client) -> None:
    with raw(server) as (opened, stream):
        opened.sendall(masked(0x02, b""))
        send_until_closed(opened, masked(0x00, b"") * 10_000)
        assert rest(stream) == []
        assert stream.close_code == 1009
    wait_until(lambda: gone(server), "something of the stream is left")


def test_a_message_that_does_not_end_is_ended_in_time(server: httpx.Client) -> None:
    before = ended(server, "slow")
    with raw(server) as (opened, _):
        opened.sendall(masked(0x82, GOOD[:10], len(GOOD)))
        wait_until(lambda: ended(server, "slow") > before, "the stream does not end")
    wait_until(lambda: gone(server), "something of the stream is left")


def test_messages_of_all_streams_together_have_bounded_room(server: httpx.Client) -> None:
    with raw(server) as (one, _), raw(server) as (two, _), raw(server) as (three, _), raw(server) as (four, _):
        for opened in (one, two, three, four):
            opened.sendall(masked(0x82, bytes(LARGEST - 1000), LARGEST))
        wait_until(lambda: held(server) > 3 * LARGEST, "the messages do not arrive")
        with open_stream(server) as late:
            late.send(bytes(LARGEST))
            with pytest.raises(ConnectionClosedError) as closed:
                late.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013, "try again later"
        assert held(server) <= ROOM
    wait_until(lambda: gone(server), "something of the streams is left")


def test_a_client_that_reads_nothing_is_ended(server: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.api.connection.slow_client, "UNREAD_TIMEOUT_S", 0.5)
    before, noise = ended(server, "unread"), np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8)
    with connection(server) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.sendall(HANDSHAKE.replace(b"/v1/stream", b"/v1/stream?mask=probability"))
        assert opened.recv(1000).startswith(b"HTTP/1.1 101 ")
        sending = threading.Thread(target=send_until_closed, args=(opened, masked(0x82, npy(noise))))
        sending.start()
        wait_until(lambda: ended(server, "unread") > before, "the stream does not end")
        sending.join()
    wait_until(lambda: gone(server), "something of the stream is left")


def test_tiny_messages_do_not_stop_other_requests(server: httpx.Client) -> None:
    flood = masked(0x82, b"x") * 4_000
    with raw(server) as (opened, _):
        sending = threading.Thread(target=send_until_closed, args=(opened, flood))
        sending.start()
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            assert server.get("/livez").status_code == 200
            slowest = max(slowest, time.monotonic() - began)
        opened.shutdown(socket.SHUT_RDWR)
        sending.join()
    assert slowest < 1
    wait_until(lambda: gone(server), "something of the stream is left")


def send_until_closed(opened: socket.socket, content: bytes) -> None:
    with suppress(OSError):
        while True:
            opened.sendall(content)


@pytest.fixture(scope="module")
def process(brightness_models: Path) -> Iterator[tuple[Process, httpx.Client]]:
    """A server as a process of its own."""
    with running(MODELS=str(brightness_models)) as started:
        yield started


def test_the_memory_of_both_sides_is_flat_while_frames_come_faster_than_they_are_answered(
    process: tuple[Process, httpx.Client],
) -> None:
    noise = npy(np.random.default_rng(0).integers(0, 255, (256, 256), np.uint8))
    server, client = process
    with open_stream(client) as stream:
        answers: list[dict[str, Any]] = []
        reading = threading.Thread(target=lambda: answers.extend(rest(stream)))
        reading.start()
        for _ in range(200):
            stream.send(noise)
        before = resident_mb(server.pid), resident_mb(os.getpid())
        for _ in range(800):
            stream.send(noise)
        stream.send("end")
        reading.join()
        after = resident_mb(server.pid), resident_mb(os.getpid())
    indices = [answer["index"] for answer in answers]
    assert indices == sorted(indices)
    assert len(answers) + answers[-1]["dropped"] == 1000
    assert answers[-1]["dropped"] > 0
    assert after[0] - before[0] < GROWTH_MB
    assert after[1] - before[1] < GROWTH_MB


def test_a_process_that_stops_answers_what_waits(process: tuple[Process, httpx.Client]) -> None:
    server, client = process
    with open_stream(client) as stream, open_stream(client) as idle:
        assert one_by_one(stream, [GOOD])[0]["index"] == 0
        for _ in range(20):
            stream.send(GOOD)
        server.send_signal(signal.SIGTERM)
        answers = rest(stream)
        assert all("targets" in answer for answer in answers)
        assert rest(idle) == []
        assert stream.close_code == idle.close_code == 1012
    assert server.wait(20) == 0
