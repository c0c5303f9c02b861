"""A canary over HTTP: its share of the requests, what pins a version, and what happens where it is not there."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import service.server.state
from service.simulation.scene import make_scene
from tests.service.api.openinference.asking import as_json
from tests.service.api.test_health import samples
from tests.support import frames
from tests.support.server import StartServer, running
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


def test_a_rollout_from_the_first_request_to_the_last_and_back(models: Path, tmp_path: Path) -> None:
    """Load, nothing, a part, all, and back: no request fails, and metrics tell the versions apart."""
    (models / "small-2.onnx").rename(tmp_path / "waiting")
    settings = tmp_path / ".env"
    settings.write_text("RRCANET_CANARY=small@2:0\n")
    with running(MODELS=str(models), working_folder=str(tmp_path)) as (process, client), asking(client) as answers:

        def choose(share: str) -> None:
            settings.write_text(f"RRCANET_CANARY=small@2:{share}\n")
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: shares(client).get("small@2") == float(share), f"the share does not become {share}")

        (tmp_path / "waiting").rename(models / "small-2.onnx")
        wait_until(lambda: "small@2" in shares(client), "the new file does not come")
        assert shares(client)["small@2"] == 0
        assert not [one for one in answers if one != "1"], "a new file takes no request before its share is set"
        choose("0.3")
        wait_until(lambda: "2" in answers, "the new version answers nothing")
        choose("1")
        answers.clear()
        wait_until(lambda: len(answers) > 10, "no request is answered")
        assert set(answers[2:]) == {"2"}
        choose("0")
        answers.clear()
        wait_until(lambda: len(answers) > 10, "no request is answered")
        assert set(answers[2:]) == {"1"}
        counted = samples(client)
        answered = {
            dict(labels)["version"]: number
            for (name, labels), number in counted.items()
            if name == REQUESTS and labels >= DETECT
        }
        assert answered.keys() == {"1", "2"}
        others = [
            labels
            for name, labels in counted
            if name == REQUESTS and ("route", "/v1/detect") in labels and not labels >= DETECT
        ]
        assert others == [], "each request was answered with 200, by one of the two"


@contextmanager
def asking(client: httpx.Client) -> Iterator[list[str]]:
    """Ask again and again in a thread; the versions that answer. An answer other than 200 fails the test."""
    answers: list[str] = []
    is_over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=client.base_url) as own:
            while not is_over.is_set():
                answer = own.post("/v1/detect?model=small&mask=none", content=GOOD)
                answers.append(answer.json()["model"]["version"] if answer.status_code == 200 else answer.text)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        thread.join()
