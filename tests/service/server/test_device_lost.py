"""A device that answers no more: requests are told, and the process ends so that its supervisor starts a new one."""

import json
import re
import signal
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.frames import png
from tests.support.server import CODE, running
from tests.support.small_models import Rule, write_small_model


def test_a_lost_device_ends_the_process_with_an_error(tmp_path: Path) -> None:
    write_small_model(tmp_path / "m.onnx", Rule.FRAGILE)
    frame = np.arange(200 * 300, dtype=np.uint16).reshape(200, 300)
    with running(MODELS=str(tmp_path)) as (process, client):
        answer = client.post("/v1/detect", content=png(frame), headers={"Content-Type": "image/png"})
        assert (answer.status_code, answer.json()["reason"]) == (503, "not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
        assert _readiness(client) in (503, None)
        assert process.wait(10) == 1
        assert process.stderr is not None
        assert "the device is lost: " in process.stderr.read()


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A folder with a model whose run never ends for any frame but the golden one's size."""
    write_small_model(tmp_path / "m.onnx", Rule.ENDLESS)
    return str(tmp_path)


def test_a_device_that_hangs_ends_the_process_with_an_error(endless: str) -> None:
    code = f"import service.server.watchdog; service.server.watchdog.HANGS_S = 2.0; {CODE}"
    with running(code=code, MODELS=endless, REQUEST_TIMEOUT_S="1", LOG_FORMAT="json") as (process, client):
        answers = [_post_large(client) for _ in range(2)]
        assert {(answer.status_code, answer.json()["reason"]) for answer in answers} == {(504, "deadline_exceeded")}
        assert process.wait(20) == 1
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr]
    told = [(line["level"], line["message"]) for line in lines if "device is lost" in line["message"]]
    assert [level for level, _ in told] == ["error", "critical"]
    assert re.fullmatch(r"the device is lost: a run has not ended for \d seconds", told[0][1])


def test_sigterm_ends_a_process_whose_device_hangs(endless: str) -> None:
    with running(MODELS=endless, REQUEST_TIMEOUT_S="1") as (process, client):
        assert _post_large(client).status_code == 504
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert "a thread has not ended; the process ends without it" in process.stderr.read()


def test_a_reload_while_the_device_hangs_changes_neither(endless: str) -> None:
    cold = (
        "import service.server.watchdog, service.engine.warm_up, numpy; service.server.watchdog.HANGS_S = 4.0\n"
        "from service.runtime import Runtime\n"
        "Runtime.needs_warm_up = property(lambda self: True, lambda self, value: None)  # as on CUDA\n"
        "tensor = numpy.zeros((1, 1, 8, 8), 'f4')\n"
        "chosen = lambda one, most: iter([(tensor, 1)] if one.runtime.card.name == 'new' else [])\n"
        "service.engine.warm_up.batches = chosen\n"
    )
    with running(code=cold + CODE, MODELS=endless, REQUEST_TIMEOUT_S="1") as (process, client):
        assert _post_large(client).status_code == 504
        write_small_model(Path(endless) / "n.onnx", name="new")
        assert process.wait(40) == 1
        assert process.stderr is not None
        assert "the device is lost: a run has not ended" in process.stderr.read()


def test_sigterm_ends_a_process_that_loads_a_model_for_ever(brightness_model: Path) -> None:
    code = "import service.models.reload as reload, time; reload.ModelFolder.refresh = lambda *_: time.sleep(1000)\n"
    with running(code=code + CODE, MODELS=str(brightness_model.parent)) as (process, client):
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert client.get("/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(25) == 0


def _post_large(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/detect", content=png(np.eye(40, 48, dtype=np.uint8)))


def _readiness(client: httpx.Client) -> int | None:
    """None where the process has ended already."""
    try:
        return client.get("/readyz").status_code
    except httpx.TransportError:
        return None
