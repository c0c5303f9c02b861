"""A canary over HTTP: its share of the requests, what pins a version, and what happens where it is not there."""

from collections import Counter
from pathlib import Path

import httpx
import pytest

import service.server.state
from service.simulation.scene import make_scene
from tests.service.api.openinference.asking import as_json
from tests.support import frames
from tests.support.server import StartServer
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until

SCENE = make_scene(1, 16, 16, targets=1).counts(8)
REQUESTS = "rrcanet_requests_total"
DETECT = {("route", "/v1/detect"), ("status", "200"), ("model", "small")}
GOOD, TENSOR = frames.png(SCENE), as_json("frames", SCENE[None])


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two versions of ``small``, and another model."""
    for name, version in (("small", "1"), ("small", "2"), ("zebra", "1")):
        write_small_model(tmp_path / f"{name}-{version}.onnx", name=name, version=version)
    return tmp_path


def version(client: httpx.Client, request_id: str, model: str = "small") -> str:
    headers = {"X-Request-Id": request_id}
    answer = client.post("/v1/detect", params={"model": model, "mask": "none"}, content=GOOD, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model"]["version"])


def versions(client: httpx.Client, requests: int, model: str = "small") -> Counter[str]:
    return Counter(version(client, f"request-{index}", model) for index in range(requests))


def shares(client: httpx.Client) -> dict[str, float]:
    return {
        f"{model['name']}@{model['version']}": model["share"] for model in client.get("/v1/models").json()["models"]
    }


def test_the_canary_answers_its_share(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models, canary="small@2:0.25")
    assert 60 < versions(client, 400)["2"] < 140  # four standard deviations and a half
    assert shares(client) == {"small@1": 0.75, "small@2": 0.25, "zebra@1": 1.0}


@pytest.mark.parametrize(("share", "answering"), [("0", "1"), ("1", "2")])
def test_a_share_of_none_or_all(start_server: StartServer, models: Path, share: str, answering: str) -> None:
    client = start_server(models=models, canary=f"small@2:{share}")
    assert versions(client, 50) == {answering: 50}
    assert client.get("/v1/models/small").json()["version"] == "1"


def test_the_older_version_may_be_the_canary(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models, canary="small@1:1")
    assert version(client, "any") == "1"


def test_a_request_sent_again_under_its_id_lands_alike(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models, canary="small@2:0.5")
    first = [version(client, f"request-{index}") for index in range(20)]
    assert [version(client, f"request-{index}") for index in range(20)] == first
    assert set(first) == {"1", "2"}


def test_requests_without_an_id_or_a_model_are_shared_too(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models, canary="small@2:0.5")
    answers = [client.post("/v1/detect?mask=none", content=GOOD).json()["model"] for _ in range(40)]
    assert {(model["name"], model["version"]) for model in answers} == {("small", "1"), ("small", "2")}


def test_a_pinned_version_and_another_model_are_not_shared(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models, canary="small@2:1")
    assert versions(client, 10, "small@1") == {"1": 10}
    client = start_server(models=models, canary="small@2:0")
    assert versions(client, 10, "small@2") == {"2": 10}
    assert versions(client, 10, "zebra") == {"1": 10}


def test_open_inference_requests_are_shared_alike(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models, canary="small@2:0.5")
    for index in range(20):
        headers = {"X-Request-Id": f"request-{index}"}
        answer = client.post("/v2/models/small-detector/infer", json=TENSOR, headers=headers).json()
        assert answer["model_version"] == version(client, f"request-{index}")
        pinned = client.post("/v2/models/small-detector/versions/1/infer", json=TENSOR, headers=headers).json()
        assert pinned["model_version"] == "1"


def test_without_a_canary_the_last_version_answers(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models)
    assert versions(client, 10) == {"2": 10}
    assert client.post("/v1/detect", content=GOOD).json()["model"]["version"] == "2"
    assert shares(client) == {"small@1": 0.0, "small@2": 1.0, "zebra@1": 1.0}


def test_a_canary_whose_file_is_absent_waits_and_is_named(
    start_server: StartServer, models: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service.server.state, "LOOK_EVERY_S", 0.05)
    client = start_server(models=models, canary="small@3:0.5")
    assert "CANARY small@3 has no file yet; the other versions answer its requests" in caplog.text
    assert shares(client) == {"small@1": 0.0, "small@2": 1.0, "zebra@1": 1.0}
    assert versions(client, 20) == {"2": 20}
    write_small_model(models / "small-3.onnx", version="3")
    wait_until(lambda: "small@3" in shares(client), "small@3 does not come")
    assert shares(client) == {"small@1": 0.0, "small@2": 0.5, "small@3": 0.5, "zebra@1": 1.0}
    assert set(versions(client, 40)) == {"2", "3"}


def test_where_the_canary_is_the_only_version_it_answers_all(start_server: StartServer, models: Path) -> None:
    client = start_server(models=models, canary="zebra@1:0.1")
    assert versions(client, 20, "zebra") == {"1": 20}
    assert shares(client)["zebra@1"] == 1.0
