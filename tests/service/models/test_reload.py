"""Model files change under load; every answer comes from one version, and none from the old one after the switch."""

import threading
import time
from pathlib import Path

import httpx
import pytest

import service.server.state
from tests.support.frames import GOOD
from tests.support.server import StartServer
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.server.state, "LOOK_EVERY_S", 0.05)


def version(client: httpx.Client) -> str:
    answer = client.post("/v1/detect?mask=none", content=GOOD)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model"]["version"])


def replace(path: Path, name: str, version: str) -> None:
    """As an operator should: written beside, then moved over."""
    beside = path.with_suffix(".new")
    write_small_model(beside, name=name, version=version)
    beside.replace(path)


def wait_for(client: httpx.Client, expected: str) -> None:
    wait_until(lambda: version(client) == expected, f"version {expected} does not serve")


def test_a_reload_under_load_fails_nothing_and_never_goes_back(start_server: StartServer, tmp_path: Path) -> None:
    write_small_model(tmp_path / "a.onnx", name="a", version="1")
    client = start_server(models=tmp_path)
    seen: dict[int, list[str]] = {index: [] for index in range(4)}
    stop = threading.Event()

    def ask(index: int) -> None:
        while not stop.is_set():
            seen[index].append(version(client))
        seen[index].append(version(client))  # sent after the switch; the one before may have been on its way

    threads = [threading.Thread(target=ask, args=(index,)) for index in seen]
    for thread in threads:
        thread.start()
    for number in ("2", "3"):
        time.sleep(0.2)
        replace(tmp_path / "a.onnx", name="a", version=number)
        wait_for(client, number)
    stop.set()
    for thread in threads:
        thread.join()
    for answers in seen.values():
        assert answers == sorted(answers)
        assert answers[-1] == "3"
    shown = [line for line in client.get("/metrics").text.splitlines() if line.startswith("rrcanet_model_info{")]
    assert len(shown) == 1
    assert 'version="3"' in shown[0]


def test_a_bad_file_is_refused_and_the_old_one_serves_on(start_server: StartServer, tmp_path: Path) -> None:
    write_small_model(tmp_path / "a.onnx", name="a", version="1")
    client = start_server(models=tmp_path)
    (tmp_path / "a.onnx").write_bytes(b"half a file")
    (tmp_path / "b.onnx").write_bytes(b"no model either")
    (tmp_path / "c.onnx").symlink_to(tmp_path / "c.onnx")
    time.sleep(0.5)
    assert version(client) == "1"
    replace(tmp_path / "a.onnx", name="a", version="2")
    wait_for(client, "2")
    replace(tmp_path / "b.onnx", name="a", version="2")  # a twin
    (tmp_path / "a.onnx").touch()
    time.sleep(0.5)
    assert version(client) == "2"


def test_models_come_and_go_with_their_files(start_server: StartServer, tmp_path: Path) -> None:
    write_small_model(tmp_path / "a.onnx", name="a", version="1")
    client = start_server(models=tmp_path)
    replace(tmp_path / "b.onnx", name="b", version="1")
    wait_until(lambda: client.post("/v1/detect?model=b", content=GOOD).status_code == 200, "b does not come")
    (tmp_path / "b.onnx").unlink()
    wait_until(lambda: client.post("/v1/detect?model=b", content=GOOD).status_code == 404, "b does not go")
    (tmp_path / "a.onnx").unlink()
    time.sleep(0.3)
    assert version(client) == "1"  # the last one is kept: an empty folder is a slip


def test_a_file_that_changes_during_the_start_is_not_missed(start_server: StartServer, tmp_path: Path) -> None:
    write_small_model(tmp_path / "a.onnx", name="a", version="1")
    client = start_server(wait_ready=False, models=tmp_path)
    replace(tmp_path / "a.onnx", name="a", version="2")
    wait_until(lambda: client.get("/readyz").status_code == 200, "the server does not become ready")
    wait_for(client, "2")
