"""The ML backend through Label Studio's own library: it validates the predictions and decodes the masks."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from label_studio_sdk.label_interface.interface import LabelInterface
from numpy.typing import NDArray
from pycocotools import mask as coco

from service.api.adapters.label_studio.run_lengths import encode_mask
from service.keys import hash_of
from service.simulation.scene import make_scene
from tests.support.frames import png, tiff
from tests.support.server import StartServer, serving

SCENE = make_scene(1, 120, 160)
BODY = png(SCENE.counts(8))
CONFIG = """
<View>
  <!-- thermal frames -->
  <Image name="frame" value="$picture" zoom="true"/>
  <RectangleLabels name="box" toName="frame"><Label value="bird"/><Label value="drone"/></RectangleLabels>
  <BrushLabels name="brush" toName="frame"><Label value="drone"/></BrushLabels>
  <Choices name="quality" toName="frame"><Choice value="good"/></Choices>
</View>
"""
TOKEN = "a-legacy-token"


@pytest.fixture(scope="module")
def backend() -> Iterator[httpx.Client]:
    with serving(adapters=("labelstudio",), adapter_label="drone") as client:
        yield client


class LabelStudio(BaseHTTPRequestHandler):
    """The part of Label Studio that serves uploaded images."""

    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(f"{self.path} {self.headers.get('Authorization')}")
        if self.path == "/moved.png":
            self.send_response(302)
            self.send_header("Location", "/data/upload/1/frame.png")
            self.end_headers()
            return
        found = self.path == "/data/upload/1/frame.png"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(BODY if found else b"")

    def do_POST(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"access": "short.lived.token"}')

    def log_message(self, *_: object) -> None:
        """Be silent."""


@pytest.fixture
def label_studio() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the requests that came."""
    seen: list[str] = []
    handler = type("Handler", (LabelStudio,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def data_uri(body: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(body).decode()}"


def predict(client: httpx.Client, *addresses: str, config: str = CONFIG, **headers: str) -> httpx.Response:
    """As Label Studio asks."""
    tasks = [{"id": 7 + number, "data": {"picture": address}} for number, address in enumerate(addresses)]
    message = {"tasks": tasks, "project": "1.1700000000", "label_config": config, "params": {"context": None}}
    return client.post("/predict", json=message, headers=headers)


def mask_of(region: dict[str, Any]) -> NDArray[np.bool_]:
    height, width = region["original_height"], region["original_width"]
    values = decode_rle(region["value"]["rle"]).reshape(height, width, 4)
    assert all(np.array_equal(values[..., channel], values[..., 3]) for channel in range(3))
    assert set(np.unique(values)) <= {0, 255}
    return np.asarray(values[..., 3] > 0)


def test_rectangles_and_brushes_are_valid_for_the_interface_and_on_the_targets(backend: httpx.Client) -> None:
    answer = predict(backend, data_uri(BODY), data_uri(tiff(SCENE.counts(14)))).json()
    frame = backend.post("/v1/detect?mask=rle", content=BODY).json()["frames"][0]
    assert answer["model_version"] == "rrcanet@1"
    first, second = answer["results"]
    interface = LabelInterface(CONFIG)
    for prediction in (first, second):
        assert interface.validate_prediction(prediction, return_errors=True) == []
        assert prediction["model_version"] == "rrcanet@1"
    targets = frame["targets"]
    rectangles = [region for region in first["result"] if region["type"] == "rectanglelabels"]
    brushes = [region for region in first["result"] if region["type"] == "brushlabels"]
    assert len(rectangles) == len(brushes) == len(targets) > 0
    assert first["score"] == targets[0]["confidence"]
    for target, region in zip(targets, rectangles, strict=True):
        box, value = target["bbox"], region["value"]
        assert (region["from_name"], region["to_name"]) == ("box", "frame")
        assert value["rectanglelabels"] == ["drone"]
        assert [value["x"] * 1.6, value["y"] * 1.2, value["width"] * 1.6, value["height"] * 1.2] == pytest.approx(
            [box["x"], box["y"], box["width"], box["height"]]
        )
    masks = [mask_of(region) for region in brushes]
    assert [int(mask.sum()) for mask in masks] == [target["area"] for target in targets]
    assert all(mask[target["peak"]["y"], target["peak"]["x"]] for mask, target in zip(masks, targets, strict=True))
    assert np.array_equal(np.any(masks, axis=0), coco.decode(frame["mask"]).astype(bool))
    assert len({region["id"] for region in first["result"]}) == len(first["result"])


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (300, 400)])
@pytest.mark.parametrize("kind", ["empty", "full", "noise", "dots"])
def test_the_library_decodes_every_mask(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(0)
    share = {"empty": 0.0, "full": 1.0, "noise": 0.5, "dots": 0.001}[kind]
    mask = rng.random(shape) < share
    if mask.size > 1000 and kind == "noise":
        mask = mask[:30, :40]  # the library needs seconds for more
    decoded = decode_rle(encode_mask(mask)).reshape(*mask.shape, 4)
    assert np.array_equal(decoded[..., 3] > 0, mask)


def test_setup_and_health_are_as_label_studio_needs_them(backend: httpx.Client) -> None:
    assert backend.get("/health").json()["status"] == "UP"
    setup = {"project": "1.1", "schema": CONFIG, "hostname": "http://x", "access_token": "y", "extra_params": None}
    assert backend.post("/setup", json=setup).json() == {"model_version": "rrcanet@1"}
    without = CONFIG.replace("Labels", "Other")
    answer = backend.post("/setup", json=setup | {"schema": without})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_parameter")


def test_images_come_from_the_configured_label_studio_with_its_token(
    start_server: StartServer, label_studio: tuple[str, list[str]]
) -> None:
    address, seen = label_studio
    server = start_server(adapters=("labelstudio",), label_studio_url=address, label_studio_token=TOKEN)
    for image in ("/data/upload/1/frame.png", f"{address}/data/upload/1/frame.png"):
        assert predict(server, image).json()["results"][0]["result"]
    assert seen == [f"/data/upload/1/frame.png Token {TOKEN}"] * 2


def test_a_personal_access_token_is_exchanged_first(
    start_server: StartServer, label_studio: tuple[str, list[str]]
) -> None:
    address, seen = label_studio
    server = start_server(adapters=("labelstudio",), label_studio_url=address, label_studio_token="head.body.sign")
    assert predict(server, "/data/upload/1/frame.png").json()["results"][0]["result"]
    assert seen == ["/api/token/refresh", "/data/upload/1/frame.png Bearer short.lived.token"]


def test_no_other_host_is_asked(start_server: StartServer, label_studio: tuple[str, list[str]]) -> None:
    address, seen = label_studio
    server = start_server(adapters=("labelstudio",), label_studio_url="http://127.0.0.1:9")
    hosts = (
        address,
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        f"//{address[7:]}/x",
        "http://[::1",
        "s3://b/x",
    )
    for image in hosts:
        answer = predict(server, image)
        assert (answer.status_code, answer.json()["reason"]) == (400, "bad_parameter"), image
        assert answer.json()["detail"].startswith("task 7: ")
    assert seen == []
    assert predict(server, "http://127.0.0.1:9@evil.example/x").status_code == 400
    follower = start_server(adapters=("labelstudio",), label_studio_url=address)
    assert "302" in predict(follower, "/moved.png").json()["detail"], "a redirect may lead anywhere"


def test_local_files_stay_in_their_folder(start_server: StartServer, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "frame.png").write_bytes(BODY)
    (tmp_path / "secret.png").write_bytes(BODY)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    server = start_server(adapters=("labelstudio",), label_studio_files=folder)
    assert predict(server, "/data/local-files/?d=a/frame.png").json()["results"][0]["result"]
    for name in ("../secret.png", "link.png", f"{tmp_path}/secret.png", "a", "nope.png", ""):
        answer = predict(server, f"/data/local-files/?d={name}")
        assert (answer.status_code, answer.json()["reason"]) == (400, "bad_parameter"), name
    assert predict(server, "/data/upload/1/frame.png").status_code == 400


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ({}, 400),
        ({"tasks": [], "label_config": "<View"}, 400),
        ({"tasks": [], "label_config": "<!DOCTYPE x [<!ENTITY a 'b'>]><View/>"}, 400),
        ({"tasks": [{"id": 1, "data": {}}], "label_config": CONFIG}, 400),
        ({"tasks": [{"id": 1, "data": {"picture": "data:image/png;base64,%"}}], "label_config": CONFIG}, 400),
        ({"tasks": [{"id": 1, "data": {"picture": data_uri(BODY[:80])}}], "label_config": CONFIG}, 422),
    ],
)
def test_what_cannot_be_answered_is_a_problem(backend: httpx.Client, message: dict[str, Any], status: int) -> None:
    answer = backend.post("/predict", json=message)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_key_may_be_the_password_of_basic_authentication(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    server = start_server(adapters=("labelstudio",), api_keys_file=tmp_path / "keys.txt")
    assert server.get("/health", auth=("label-studio", "secret")).status_code == 200
    assert server.get("/health", auth=("label-studio", "wrong")).status_code == 401
    assert predict(server, data_uri(BODY)).status_code == 401
