"""SIGHUP: model files and keys are read again, even where nothing about the files tells that they changed."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.keys import hash_of
from service.server.state import LOOK_EVERY_S
from tests.support.frames import GOOD
from tests.support.server import CODE, Process, running
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return write_small_model(tmp_path / "models" / "a.onnx", version="1")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(f"tower {hash_of('first')}\n")
    return path


@contextmanager
def unnoticed(process: Process, path: Path) -> Iterator[None]:
    """Whatever is written leaves time, size and inode of the file as they were, as some tools of a mirror do."""
    process.send_signal(signal.SIGSTOP)
    before = path.stat()
    yield
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size, after.st_ino) == (before.st_mtime_ns, before.st_size, before.st_ino)
    process.send_signal(signal.SIGCONT)


def post(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/v1/detect?mask=none", content=GOOD, headers={"X-API-Key": key})


def version(client: httpx.Client) -> str:
    return str(post(client, "first").json()["model"]["version"])


def test_models_are_loaded_again(model: Path, keys: Path) -> None:
    with running(MODELS=str(model.parent), API_KEYS_FILE=str(keys)) as (process, client):
        with unnoticed(process, model):
            write_small_model(model, version="2")
        time.sleep(2 * LOOK_EVERY_S)
        assert version(client) == "1"
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: version(client) == "2", "the model is not loaded again")
        assert process.poll() is None


def test_options_of_the_command_still_count(model: Path, keys: Path) -> None:
    with_option = f"import sys; sys.argv += ['--precision', 'f32']; {CODE}"
    files = {"MODELS": str(model.parent), "API_KEYS_FILE": str(keys)}
    with running(None, with_option, **files, ENGINE="onnxruntime", PRECISION="bf16") as (process, client):
        write_small_model(model, version="2")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: version(client) == "2", "the model is not loaded again")
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "the canary stays" not in process.stderr.read()


def test_keys_are_read_again_and_a_broken_file_is_not(model: Path, keys: Path) -> None:
    with running(MODELS=str(model.parent), API_KEYS_FILE=str(keys)) as (process, client):
        with unnoticed(process, keys):
            keys.write_text(f"tower {hash_of('other')}\n")
        assert post(client, "first").status_code == 200
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: post(client, "other").status_code == 200, "the keys are not read again")
        assert post(client, "first").status_code == 401
        with unnoticed(process, keys):
            keys.write_text(f"tower {'x' * 64}\n")
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert post(client, "other").status_code == 200
        assert process.poll() is None
