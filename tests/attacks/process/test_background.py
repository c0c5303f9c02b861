"""No change of a file is lost, and no background task ends in silence."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import service.models.reload
import service.server.state
from service.keys import hash_of
from service.server.watchdog import Watchdog
from tests.support.frames import GOOD
from tests.support.server import StartServer, running
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until

TOO_FEW = 4  # descriptors: less than a running server has open, so that it can open nothing more


def post(client: httpx.Client, key: str = "first", model: str = "small") -> httpx.Response:
    return client.post(f"/v1/detect?mask=none&model={model}", content=GOOD, headers={"X-API-Key": key})


def version(client: httpx.Client, key: str = "first") -> str:
    answer = post(client, key)
    return str(answer.json()["model"]["version"]) if answer.status_code == 200 else ""


def test_changes_while_no_descriptor_is_free_take_effect_afterwards(tmp_path: Path) -> None:
    models, keys = tmp_path / "models", tmp_path / "keys.txt"
    models.mkdir()
    write_small_model(models / "a.onnx", version="1")
    keys.write_text(f"tower {hash_of('first')}\nmast {hash_of('second')}\n")
    with running(MODELS=str(models), API_KEYS_FILE=str(keys)) as (process, client):
        assert version(client) == "1"
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (TOO_FEW, hard))
        write_small_model(models / "new", version="2").replace(models / "a.onnx")
        keys.write_text(f"mast {hash_of('second')}\n")
        time.sleep(2.5 * service.server.state.LOOK_EVERY_S)
        assert version(client, "second") == "1", "the client's connection stays open"
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        wait_until(lambda: post(client, "first").status_code == 401, "the revoked key stays valid", 0.2)
        wait_until(lambda: version(client, "second") == "2", "the model is not loaded again", 0.2)
        metrics = client.get("/metrics", headers={"X-API-Key": "second"}).text
        assert 'rrcanet_background_failures_total{task="watch_models"} 0.0' not in metrics


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "FIFO": os.mkfifo,
    "folder": Path.mkdir,
    "link to itself": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("kind", REPLACEMENTS)
def test_what_is_no_file_blocks_no_reload(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(service.server.state, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(service.models.reload, "RETRY_S", 0.2)
    served = write_small_model(tmp_path / "a.onnx", version="1")
    client = start_server(models=tmp_path)
    served.unlink()
    REPLACEMENTS[kind](served)
    time.sleep(0.5)
    assert version(client) == "1", "the old model stays in service"
    write_small_model(tmp_path / "b.onnx", name="other")
    wait_until(lambda: post(client, model="other").status_code == 200, "no further model is loaded")
    served.rmdir() if kind == "folder" else served.unlink()
    write_small_model(served, version="2")
    wait_until(lambda: version(client) == "2", "the file is not loaded again")


def test_a_task_that_fails_is_logged_counted_and_started_again(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks = []

    def look(_: object) -> None:
        looks.append(1)
        if len(looks) == 1:
            raise RuntimeError("odd")

    monkeypatch.setattr(service.server.state, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(Watchdog, "look", look)
    client = start_server()
    wait_until(lambda: len(looks) > 2, "the task does not start again")
    assert 'rrcanet_background_failures_total{task="watch_device"} 1.0' in client.get("/metrics").text
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "the background task watch_device failed and starts again"
    ]
