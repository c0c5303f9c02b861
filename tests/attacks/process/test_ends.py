"""Signals at any moment, threads that do not end, and a host without memory."""

import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

import service.api.detect.route
from service.detection import detector
from tests.service.api.test_health import value
from tests.support import frames
from tests.support.frames import GOOD
from tests.support.server import CODE, StartServer, running
from tests.support.small_models import Rule, write_small_model
from tests.support.waiting import wait_until

WITHIN_S = 10.0  # on machines that are shared; a deadline is 1 s
ROOM = 100 << 20  # bytes: less than the large frames need
STUCK_READER = (
    "import service.api.detect.route as route, threading\nroute.read_work = lambda *_: threading.Event().wait()\n"
)


def test_sighup_at_the_end_kills_no_process(tmp_path: Path) -> None:
    late = "import service.api.connection.server as server, time; old = server.Server.run\n"
    late += "def run(self):\n    old(self)\n    print('ended', file=__import__('sys').stderr, flush=True)\n"
    late += "    time.sleep(2)\nserver.Server.run = run\n"
    with running(code=late + CODE, MODELS=str(write_small_model(tmp_path / "a.onnx").parent)) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert any("ended" in line for line in process.stderr)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0


def test_sigterm_ends_a_process_whose_reading_threads_are_stuck_and_readiness_has_fallen(tmp_path: Path) -> None:
    models = str(write_small_model(tmp_path / "a.onnx").parent)
    with running(code=STUCK_READER + CODE, MODELS=models, REQUEST_TIMEOUT_S="1") as (process, client):
        for _ in range(16):
            began = time.monotonic()
            assert client.post("/v1/detect", content=GOOD).status_code == 504
            assert time.monotonic() - began < WITHIN_S
            if client.get("/readyz").status_code == 503:
                break
        wait_until(lambda: client.get("/readyz").status_code == 503, "readiness does not fall", 0.2)
        assert client.get("/livez").status_code == 200
        assert value(client, "rrcanet_stuck_threads") >= 1
        assert value(client, "rrcanet_busy_threads") >= 1
        assert value(client, "rrcanet_ready") == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def no_memory(*_: object, **__: object) -> None:
    raise MemoryError


def test_without_memory_while_a_frame_is_read(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.api.detect.route, "read_work", no_memory)
    _expect_no_memory(client.post("/v1/detect", content=GOOD))


def test_without_memory_while_a_frame_is_answered(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "find_targets", no_memory)
    _expect_no_memory(client.post("/v1/detect", content=GOOD))


def test_without_memory_while_a_body_arrives(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpToolsProtocol, "on_body", no_memory)
    _expect_no_memory(client.post("/v1/detect", content=GOOD))


def _expect_no_memory(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["reason"]) == (503, "out_of_memory")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_process_without_memory_says_so_and_serves_small_frames() -> None:
    frame = np.zeros((2000, 2000)) + np.arange(2000)
    large = frames.npy(frame)
    with running(REQUEST_TIMEOUT_S="600") as (process, client):  # on a slow machine, no frame is too slow
        assert client.post("/v1/detect", content=GOOD).status_code == 200
        fields = Path(f"/proc/{process.pid}/status").read_text()
        size = 1024 * int(fields.split("VmSize:")[1].split()[0])
        resource.prlimit(process.pid, resource.RLIMIT_AS, (size + ROOM, resource.RLIM_INFINITY))

        def send(body: bytes) -> tuple[int, str]:
            answer = httpx.post(client.base_url.join("/v1/detect?mask=none"), content=body, timeout=60)
            return answer.status_code, answer.json().get("reason", "")

        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(send, [large, GOOD] * 6))
        assert set(answers[::2]) == {(503, "out_of_memory")}
        assert set(answers[1::2]) == {(200, "")}
        resource.prlimit(process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert send(GOOD) == (200, "")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_an_answer_has_a_bounded_number_of_targets(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "MOST_TARGETS", 3)
    client = start_server(models=write_small_model(tmp_path / "a.onnx", Rule.BRIGHTNESS, threshold=0.1).parent)
    answer = client.post("/v1/detect?mask=none", files=[("image", ("a.png", GOOD))] * 5).json()
    assert sum(len(frame["targets"]) for frame in answer["frames"]) == 3
    assert answer["frames"][-1]["truncated"] is True
