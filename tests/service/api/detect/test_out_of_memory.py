"""A device without memory for what it is asked, from outside: batches shrink, one request fails, all others go on."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.server import StartServer
from tests.support.small_models import Rule, write_small_model

SMALL, LARGE = (20, 30), (96, 30)  # padded to 32 and 96 rows: the model has memory for a frame of the first


@pytest.fixture
def hungry(start_server: StartServer, tmp_path: Path) -> httpx.Client:
    """A server whose model has memory for one small frame at a time."""
    write_small_model(tmp_path / "m.onnx", Rule.HUNGRY)
    return start_server(models=tmp_path)


def test_frames_that_do_not_fit_into_memory_together_are_all_answered(hungry: httpx.Client) -> None:
    answer = _detect(hungry, 32, *SMALL)
    assert answer.status_code == 200
    assert [len(frame["targets"]) for frame in answer.json()["frames"]] == [1] * 32
    batches, frames = (_metric(hungry, f"rrcanet_batch_frames_{name}") for name in ("count", "sum"))
    assert (frames, batches < 32) == (32, True), "several frames did run together"


def test_a_frame_that_finds_no_memory_alone_fails_alone(hungry: httpx.Client) -> None:
    answer = _detect(hungry, 1, *LARGE)
    assert (answer.status_code, answer.json()["reason"]) == (503, "out_of_memory")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["detail"] == "no memory for 1 frame(s) of 32x96 pixels"
    assert _detect(hungry, 1, *SMALL).status_code == 200
    assert hungry.get("/readyz").status_code == 200


def _detect(client: httpx.Client, frames: int, height: int, width: int) -> httpx.Response:
    """Frames with one target each."""
    counts = np.random.default_rng(0).integers(50, 60, (frames, height, width)).astype(np.uint8)
    counts[:, 4:6, 7:9] = 200
    buffer = io.BytesIO()
    np.save(buffer, counts)
    headers = {"Content-Type": "application/x-npy"}
    return client.post("/v1/detect", params={"range": "0:255"}, content=buffer.getvalue(), headers=headers)


def _metric(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
