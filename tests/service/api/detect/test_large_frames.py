"""Frames longer than the network runs whole are cut into windows: nobody who asks can tell, and no limit is another."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.detection.windows import windows_of
from tests.support.server import StartServer
from tests.support.small_models import STRIDE, write_small_model

WHOLE, CUT = (250, 256), (40, 1600)  # as many pixels each
PIXELS = 64_000


@pytest.fixture
def service(start_server: StartServer, tmp_path: Path) -> httpx.Client:
    """Takes a bright pixel for a target, and just so many pixels."""
    write_small_model(tmp_path / "m.onnx")
    return start_server(models=tmp_path, max_pixels=PIXELS)


def test_the_two_shapes_are_run_as_they_say() -> None:
    assert [len(windows_of(*shape, STRIDE)) for shape in (WHOLE, CUT)] == [1, 2]


@pytest.mark.parametrize("shape", [WHOLE, CUT])
def test_every_target_is_found_once_wherever_the_frame_is_cut(service: httpx.Client, shape: tuple[int, int]) -> None:
    counts = np.full(shape, 20, np.uint8)
    columns = range(2, shape[1] - 8, 12)
    for column in columns:
        counts[10:13, column : column + 5] = 220
    answer = _detect(service, counts)
    assert answer.status_code == 200
    (frame,) = answer.json()["frames"]
    found = sorted((target["bbox"]["x"], target["area"]) for target in frame["targets"])
    assert found == [(column, 15) for column in columns]


@pytest.mark.parametrize("shape", [WHOLE, CUT])
def test_one_row_more_than_the_limit_is_refused_whole_or_cut(service: httpx.Client, shape: tuple[int, int]) -> None:
    answer = _detect(service, np.zeros((shape[0] + 1, shape[1]), np.uint8))
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_many_pixels")


def _detect(client: httpx.Client, counts: np.ndarray) -> httpx.Response:
    buffer = io.BytesIO()
    np.save(buffer, counts)
    headers = {"Content-Type": "application/x-npy"}
    return client.post("/v1/detect", params={"range": "0:255"}, content=buffer.getvalue(), headers=headers)
