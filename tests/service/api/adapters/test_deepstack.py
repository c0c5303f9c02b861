"""DeepStack's interface through ``deepstack-python``, which Home Assistant uses, and as Frigate's plug-in calls it."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import requests
from deepstack.core import DeepstackException, DeepstackObject
from PIL import Image

from service.keys import hash_of
from service.simulation.scene import make_scene
from tests.support.frames import png
from tests.support.server import StartServer, serving
from tests.support.small_models import write_small_model

FRIGATE_DETECTIONS = 20
FRIGATE_LEAST = 0.4


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    with serving(adapters=("deepstack",), adapter_label="airplane") as client:
        yield client


def detector(client: httpx.Client, **options: Any) -> DeepstackObject:
    """The client library."""
    return DeepstackObject(ip=client.base_url.host, port=client.base_url.port, **options)


def test_the_client_library_gets_targets_in_whole_pixels(server: httpx.Client) -> None:
    body = png(make_scene(1, 128, 160).counts(8))
    predictions = detector(server, min_confidence=0.0).detect(body)
    expected = server.post("/v1/detect?mask=none", content=body).json()["frames"][0]["targets"]
    assert expected
    for prediction, target in zip(predictions, expected, strict=True):
        box = target["bbox"]
        assert prediction == {
            "confidence": target["confidence"],
            "label": "airplane",
            "x_min": box["x"],
            "y_min": box["y"],
            "x_max": box["x"] + box["width"],
            "y_max": box["y"] + box["height"],
        }


def test_min_confidence_leaves_targets_out_and_has_a_default(server: httpx.Client) -> None:
    body = png(make_scene(1, 128, 160).counts(8))
    everything = detector(server, min_confidence=0.0).detect(body)
    limit = everything[0]["confidence"]
    assert [one["confidence"] for one in detector(server, min_confidence=limit).detect(body)] == [limit]
    default = requests.post(f"{server.base_url}/v1/vision/detection", files={"image": body}, timeout=30).json()
    assert default["predictions"] == [one for one in everything if one["confidence"] >= 0.4]
    assert default["success"] is True
    assert isinstance(default["duration"], int)


def test_another_model_and_the_list_of_models(server: httpx.Client) -> None:
    listed = server.post("/v1/vision/custom/list").json()
    assert listed == {"success": True, "models": ["rrcanet"]}
    body = png(make_scene(1, 128, 160).counts(8))
    assert detector(server, custom_model="rrcanet").detect(body) == detector(server).detect(body)
    with pytest.raises(DeepstackException):
        detector(server, custom_model="nope").detect(body)


@pytest.mark.parametrize(
    ("files", "data", "status"),
    [
        ({"image": b"text"}, {}, 415),
        ({"image": png(np.zeros((8, 8), np.uint8))[:40]}, {}, 422),
        ({"picture": b"text"}, {}, 400),
        ({"image": png(np.zeros((8, 8), np.uint8))}, {"min_confidence": "high"}, 400),
        ({"image": png(np.zeros((8, 8), np.uint8))}, {"min_confidence": "1.5"}, 400),
    ],
)
def test_an_error_says_what_is_wrong(
    server: httpx.Client, files: dict[str, bytes], data: dict[str, str], status: int
) -> None:
    answer = server.post("/v1/vision/detection", files=files, data=data)
    assert answer.status_code == status
    content = answer.json()
    assert (content["success"], content["duration"]) == (False, 0)
    assert content["error"]


def test_the_key_may_come_as_a_field_of_the_form(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    server = start_server(adapters=("deepstack",), api_keys_file=tmp_path / "keys.txt")
    body = png(make_scene(1, 128, 160).counts(8))
    assert detector(server, api_key="secret").detect(body)
    for key in ("", "wrong"):
        answer = server.post("/v1/vision/detection", files={"image": body}, data={"api_key": key})
        assert (answer.status_code, answer.json()["success"]) == (401, False)
    headers = {"Authorization": "Bearer secret"}
    assert server.post("/v1/vision/detection", files={"image": body}, headers=headers).status_code == 200
    assert server.post("/v1/vision/custom/list").status_code == 401
    assert server.post("/v1/detect", content=body).status_code == 401


def test_frigate_gets_no_more_than_it_can_hold(start_server: StartServer, tmp_path: Path) -> None:
    """Frigate sends a JPEG, stops at the first detection below 0.4, and has an array of 20 rows."""
    write_small_model(tmp_path / "brightness.onnx")
    server = start_server(adapters=("deepstack",), adapter_label="bird", models=tmp_path)
    counts = np.zeros((320, 320), np.uint8)
    counts[8:300:24, 8:300:24] = 255
    jpeg = io.BytesIO()
    Image.fromarray(counts).convert("RGB").save(jpeg, format="JPEG", quality=95)
    answer = requests.post(
        f"{server.base_url}/v1/vision/detection", data={"api_key": ""}, files={"image": jpeg.getvalue()}, timeout=30
    )
    labels, rows = {"bird": 16}, np.zeros((FRIGATE_DETECTIONS, 6), np.float32)
    for index, detection in enumerate(answer.json()["predictions"]):
        if detection["confidence"] < FRIGATE_LEAST:
            break
        corners = [detection[name] / 320 for name in ("y_min", "x_min", "y_max", "x_max")]
        rows[index] = [labels[detection["label"]], detection["confidence"], *corners]
    assert (rows[:, 1] > FRIGATE_LEAST).all()
    assert (np.diff(rows[:, 1]) <= 0).all()


def test_without_the_setting_there_is_no_such_route(client: httpx.Client) -> None:
    assert client.post("/v1/vision/detection", files={"image": b"x"}).status_code == 404
    assert client.get("/health").status_code == 404
