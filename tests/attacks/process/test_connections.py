"""Silent and slow clients: others are served, and what is closed is counted."""

import re
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

import service.api.body
import service.api.connection.limits
from tests.attacks.process.attackers import HEAD, trickling
from tests.attacks.test_unread_answers import HEAD as LARGE_HEAD
from tests.attacks.test_unread_answers import NOISE
from tests.support.frames import GOOD
from tests.support.server import CODE, StartServer, running, wait_for_frames
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until
from tests.support.wire import connection

MOST = 16
PLACES = 8
FEW_DESCRIPTORS = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 256)); "


def ended(client: httpx.Client, reason: str) -> float:
    found = re.search(rf'^rrcanet_connections_ended_total{{reason="{reason}"}} (\S+)$', metrics(client), re.MULTILINE)
    return float(found[1]) if found else 0.0


def metrics(client: httpx.Client) -> str:
    return httpx.get(client.base_url.join("/metrics")).text  # on a connection of its own, as a scraper that begins


def test_silent_connections_give_way_to_others(start_server: StartServer) -> None:
    client = start_server(max_connections=MOST)
    with ExitStack() as stack:
        for _ in range(3 * MOST):
            stack.enter_context(connection(client))
        for path in ("/livez", "/readyz"):
            assert httpx.get(client.base_url.join(path)).status_code == 200
        assert ended(client, "idle") >= 2 * MOST


def test_busy_connections_stay_and_an_idle_one_gives_way(start_server: StartServer) -> None:
    client = start_server(max_connections=MOST, request_timeout_s=20)
    with ExitStack() as stack:
        for _ in range(MOST - 1):  # and the client's own
            stack.enter_context(connection(client)).sendall(HEAD + GOOD[:100])
        wait_for_frames(client, MOST - 1)
        late = stack.enter_context(connection(client))
        late.sendall(HEAD + GOOD)  # takes the place of the client's own connection, which is idle
        assert late.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_descriptors_never_run_out() -> None:
    with running(code=FEW_DESCRIPTORS + CODE) as (process, client), ExitStack() as stack:
        assert "rrcanet_connections_limit 192.0" in client.get("/metrics").text, "of 256 by the hard limit"
        for _ in range(300):
            stack.enter_context(connection(client))
        assert httpx.get(client.base_url.join("/livez")).status_code == 200
        assert ended(client, "idle") > 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_slow_bodies_do_not_own_every_place(start_server: StartServer) -> None:
    client = start_server(queue_size=PLACES, max_frames=1)
    with trickling(client, PLACES + 4):
        time.sleep(2)
        statuses = []
        for _ in range(20):
            statuses.append(client.post("/v1/detect", content=GOOD).status_code)
            time.sleep(0.2)
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) >= 12, statuses


def test_a_body_has_a_lowest_rate(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.api.body, "SLOW_AFTER_S", 0.5)
    client = start_server()
    with connection(client) as opened:
        opened.sendall(HEAD + GOOD[:10])
        answer = opened.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"bytes a second" in answer


def test_answers_that_nobody_reads_are_bounded_and_counted(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 6_000_000
    monkeypatch.setattr(service.api.connection.limits, "UNREAD_BYTES", most)
    client = start_server(models=write_small_model(tmp_path / "a.onnx").parent)
    with ExitStack() as stack:
        for number in range(1, 5):
            opened = stack.enter_context(socket.socket())
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened.connect((client.base_url.host, client.base_url.port))
            opened.sendall(LARGE_HEAD.encode() + NOISE)
            answered = f'route="/v1/detect",status="200",version="1"}} {number}.0'
            wait_until(lambda answered=answered: answered in metrics(client), "no answer", 0.1)  # type: ignore[misc]
        found = re.search(r"^rrcanet_unread_answer_bytes (\S+)$", metrics(client), re.MULTILINE)
        assert found
        assert float(found[1]) <= most
        assert ended(client, "unread") > 0
