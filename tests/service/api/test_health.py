"""Health, readiness, metrics and model cards as an orchestrator and Prometheus see them."""

import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.frames import GOOD
from tests.support.server import StartServer
from tests.support.tools import require_tool
from tests.support.waiting import wait_until

MODEL = {"model": "rrcanet", "version": "1"}


def samples(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    given = [(s.name, [label for label in s.labels.items() if label[1]], s.value) for f in families for s in f.samples]
    return {(name, frozenset(labels)): number for name, labels, number in given}  # an empty label is as good as none


def value(client: httpx.Client, name: str, **labels: str) -> float:
    return samples(client).get((name, frozenset(labels.items())), 0.0)


def test_a_running_server_is_live_and_ready(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "live"}
    assert client.get("/readyz").json() == {"status": "ready"}
    assert value(client, "rrcanet_ready") == 1


def test_no_server_is_ready_before_its_models(start_server: StartServer, tmp_path: Path, model_file: Path) -> None:
    for index in range(6):  # loading takes long enough to ask meanwhile
        (tmp_path / f"{index}.onnx").write_bytes(_renamed(model_file, f"m{index}"))
    client = start_server(wait_ready=False, models=tmp_path)
    early, detect = client.get("/readyz"), client.post("/v1/detect", content=GOOD)
    for answer in (early, detect):
        if answer.status_code != 200:  # a fast machine may be ready already
            assert answer.status_code == 503
            assert answer.json()["reason"] == "not_ready"
            assert answer.headers["retry-after"] == "1"
    assert early.status_code == 503
    assert client.get("/livez").status_code == 200


def test_a_detection_is_counted_with_its_stages(client: httpx.Client) -> None:
    before = samples(client)
    answer = client.post("/v1/detect", content=GOOD).json()
    after = samples(client)

    def grown(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return after[key] - before.get(key, 0.0)

    assert grown("rrcanet_requests_total", route="/v1/detect", status="200", **MODEL) == 1
    assert grown("rrcanet_request_duration_seconds_count", route="/v1/detect", **MODEL) == 1
    for stage in ("decode", "queue", "inference", "postprocess"):
        assert grown("rrcanet_stage_duration_seconds_count", stage=stage) == 1
    assert grown("rrcanet_frames_total", outcome="ok") == 1
    assert grown("rrcanet_targets_total", **MODEL) == len(answer["frames"][0]["targets"]) > 0
    assert grown("rrcanet_target_confidence_count", **MODEL) == len(answer["frames"][0]["targets"])
    assert grown("rrcanet_batch_frames_count") == 1
    assert after[("rrcanet_queue_frames", frozenset())] == 0


def test_a_stage_that_did_not_run_is_not_counted(client: httpx.Client) -> None:
    before = value(client, "rrcanet_stage_duration_seconds_count", stage="inference")
    constant = frames.png(np.full((16, 16), 9, np.uint8))
    assert client.post("/v1/detect", content=constant).json()["timing_ms"]["inference"] == 0
    assert value(client, "rrcanet_stage_duration_seconds_count", stage="inference") == before


def test_a_frame_that_was_not_answered_is_not_counted_as_one(client: httpx.Client) -> None:
    before = value(client, "rrcanet_frames_total", outcome="ok")
    large = frames.png(make_scene(0, 512, 512).counts(8))
    assert client.post("/v1/detect?timeout_ms=0.01", content=large).status_code == 504
    assert value(client, "rrcanet_frames_total", outcome="ok") == before


def test_refusals_are_counted_by_reason(client: httpx.Client) -> None:
    before = value(client, "rrcanet_rejected_total", reason="undecodable_frame")
    client.post("/v1/detect", content=b"")
    assert value(client, "rrcanet_rejected_total", reason="undecodable_frame") == before + 1


def test_paths_that_are_no_route_share_one_label(client: httpx.Client) -> None:
    for path in ("/a", "/b/c", "/v1/models/x/y"):
        client.get(path)
    templates = {
        "unmatched",
        "/docs",
        "/docs/{name}",
        "/openapi.json",
        *client.get("/openapi.json").json()["paths"],
        "/",
        "/page/{name:path}",
    }
    assert {dict(labels).get("route") for _, labels in samples(client)} <= templates | {None}


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/openapi.json", "/openapi.json"),
        ("/docs", "/docs"),
        ("/docs/swagger-ui.css", "/docs/{name}"),
        ("/", "/"),
        ("/page/page.js", "/page/{name:path}"),
    ],
)
def test_pages_are_counted_under_routes_of_their_own(client: httpx.Client, path: str, route: str) -> None:
    before, unmatched = (
        value(client, "rrcanet_requests_total", route=one, status="200") for one in (route, "unmatched")
    )
    client.get(path)
    wait_until(  # a file is closed, in a thread, before its request is counted
        lambda: value(client, "rrcanet_requests_total", route=route, status="200") == before + 1, "it is not counted"
    )
    assert value(client, "rrcanet_requests_total", route="unmatched", status="200") == unmatched


def test_buckets_fit_milliseconds(client: httpx.Client) -> None:
    bounds = {
        float(dict(labels)["le"])
        for name, labels in samples(client)
        if name == "rrcanet_request_duration_seconds_bucket"
    }
    assert sum(bound <= 0.01 for bound in bounds) >= 5


def test_promtool_finds_no_fault_in_the_metrics(client: httpx.Client) -> None:
    promtool = require_tool("promtool")
    client.post("/v1/detect", content=GOOD)
    checked = subprocess.run([promtool, "check", "metrics"], input=client.get("/metrics").content, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_models_tell_what_they_are_and_where_they_run(client: httpx.Client) -> None:
    (card,) = client.get("/v1/models").json()["models"]
    assert (card["name"], card["provider"], card["stride"]) == ("rrcanet", "CPUExecutionProvider", 8)
    assert len(card["sha256"]) == 64
    assert client.get("/v1/models/rrcanet").json() == card
    assert client.get("/v1/models/nope").json()["reason"] == "unknown_model"
    shown = {name: card[name] for name in ("name", "version", "sha256", "provider", "engine")}
    key = frozenset({**shown, "precision": card["engine_precision"]}.items())
    assert samples(client)[("rrcanet_model_info", key)] == 1


def test_several_models_are_served_by_name(start_server: StartServer, tmp_path: Path, model_file: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.onnx").write_bytes(_renamed(model_file, name))
    client = start_server(models=tmp_path)
    assert client.post("/v1/detect", content=GOOD).json()["model"]["name"] == "a"
    assert client.post("/v1/detect?model=b@1", content=GOOD).json()["model"]["name"] == "b"


def test_the_callers_request_id_comes_back(client: httpx.Client) -> None:
    assert client.get("/livez", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    unusable = ("", "a b", "x" * 200)
    made = {client.get("/livez", headers={"X-Request-Id": given}).headers["x-request-id"] for given in unusable}
    assert len(made) == 3
    assert not made & set(unusable)


def test_server_timing_tells_the_stages(client: httpx.Client) -> None:
    response = client.post("/v1/detect", content=GOOD)
    header = dict(part.split(";dur=") for part in response.headers["server-timing"].split(", "))
    timing = response.json()["timing_ms"]
    assert list(header) == list(timing)
    assert {name: float(text) for name, text in header.items()} == pytest.approx(timing, abs=1e-3)
    assert timing["total"] >= timing["inference"] > 0


def test_the_document_and_the_page_are_there(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/detect"]["post"]
    assert {"image/png", "image/tiff", "multipart/form-data"} <= set(operation["requestBody"]["content"])
    assert {"200", "413", "422", "429", "504"} <= set(operation["responses"])
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "v1/detect" in page.text


def _renamed(model_file: Path, name: str) -> bytes:
    """The same model under another name of its card."""
    content = model_file.read_bytes()
    import onnx

    from service.runtime.card import METADATA_KEY, Card

    graph = onnx.load_from_string(content)
    (entry,) = (entry for entry in graph.metadata_props if entry.key == METADATA_KEY)
    entry.value = Card.model_validate_json(entry.value).model_copy(update={"name": name}).model_dump_json()
    return bytes(graph.SerializeToString())
