"""``/v2`` on the wire: what the protocol leaves to the server, limits, versions, metrics, errors."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.simulation.scene import make_scene
from tests.service.api.openinference.asking import as_binary, as_json, described, fault, joined, outputs
from tests.support.server import StartServer
from tests.support.small_models import write_small_model

DETECTOR, NETWORK = "/v2/models/rrcanet-detector/infer", "/v2/models/rrcanet/infer"
COUNTS = make_scene(1, 64, 64).counts(8)[None]
RAMP = np.arange(64, dtype=np.float32).reshape(1, 1, 8, 8)


def post(client: httpx.Client, url: str, request: tuple[bytes, dict[str, str]]) -> httpx.Response:
    body, headers = request
    return client.post(url, content=body, headers=headers)


def test_outputs_are_json_unless_binary_is_asked_for(client: httpx.Client) -> None:
    told = client.post(DETECTOR, json=as_json("frames", COUNTS))
    assert told.headers["content-type"] == "application/json"
    all_binary = client.post(DETECTOR, json=as_json("frames", COUNTS, parameters={"binary_data_output": True}))
    assert all_binary.headers["content-type"] == "application/octet-stream"
    expected, found = outputs(told), outputs(all_binary)
    assert list(expected) == list(found) == ["targets", "mask"]
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_each_output_says_for_itself_whether_it_is_binary(client: httpx.Client) -> None:
    wanted = [{"name": "mask", "parameters": {"binary_data": True}}, {"name": "targets"}]
    response = client.post(DETECTOR, json=as_json("frames", COUNTS, outputs=wanted))
    assert list(outputs(response)) == ["mask", "targets"]
    wanted = [{"name": "mask", "parameters": {"binary_data": False}}, {"name": "targets"}]
    mixed = as_json("frames", COUNTS, outputs=wanted, parameters={"binary_data_output": True})
    assert b'"data":[0' in client.post(DETECTOR, json=mixed).content


def test_only_outputs_that_are_asked_for_are_sent(client: httpx.Client) -> None:
    response = client.post(DETECTOR, json=as_json("frames", COUNTS, outputs=[{"name": "targets"}]))
    assert list(outputs(response)) == ["targets"]


def test_values_may_be_nested_as_the_shape_is(client: httpx.Client) -> None:
    flat = outputs(client.post(DETECTOR, json=as_json("frames", COUNTS)))
    nested = {"inputs": [described("frames", COUNTS, data=COUNTS.tolist())]}
    np.testing.assert_array_equal(outputs(client.post(DETECTOR, json=nested))["targets"], flat["targets"])


def test_null_is_as_good_as_nothing(client: httpx.Client) -> None:
    plain = as_json("frames", COUNTS)
    inputs = [one | {"parameters": None} for one in plain["inputs"]]
    answer = client.post(DETECTOR, json=plain | {"inputs": inputs, "parameters": None, "outputs": None})
    np.testing.assert_array_equal(outputs(answer)["targets"], outputs(client.post(DETECTOR, json=plain))["targets"])


def test_the_id_of_a_request_comes_back_and_none_is_made_up(client: httpx.Client) -> None:
    assert client.post(DETECTOR, json=as_json("frames", COUNTS, id="é 7")).json()["id"] == "é 7"
    assert "id" not in client.post(DETECTOR, json=as_json("frames", COUNTS)).json()


def test_binary_values_may_begin_at_any_byte(client: httpx.Client) -> None:
    answers = [outputs(post(client, NETWORK, as_binary("intensities", RAMP, id="x" * n))) for n in range(1, 9)]
    for answer in answers:
        np.testing.assert_array_equal(answer["probabilities"], answers[0]["probabilities"])


def test_timing_and_request_id_are_told_as_in_v1(client: httpx.Client) -> None:
    response = client.post(DETECTOR, json=as_json("frames", COUNTS), headers={"X-Request-Id": "seen"})
    assert response.headers["x-request-id"] == "seen"
    stages = [part.split(";")[0] for part in response.headers["server-timing"].split(", ")]
    assert stages == ["decode", "queue", "inference", "postprocess", "total"]


def test_priority_is_taken_and_a_timeout_is_kept(client: httpx.Client) -> None:
    in_time = {"timeout": 20_000_000, "priority": 1}
    assert client.post(DETECTOR, json=as_json("frames", COUNTS, parameters=in_time)).status_code == 200
    response = client.post(DETECTOR, json=as_json("frames", COUNTS, parameters={"timeout": 1}))
    assert "deadline" in fault(response, 504)
    far_away = {"timeout": 10**400}
    assert client.post(DETECTOR, json=as_json("frames", COUNTS, parameters=far_away)).status_code == 200


def test_limits_on_bytes_frames_and_pixels(start_server: StartServer) -> None:
    client = start_server(max_body_bytes=20_000, max_frames=2, max_pixels=10_000, queue_size=2)
    assert "20000 bytes" in fault(client.post(DETECTOR, content=bytes(20_001)), 413)
    assert "20000 bytes" in fault(client.post(DETECTOR, content=iter([bytes(15_000)] * 2)), 413)
    frames = np.zeros((3, 8, 8), np.uint8)
    assert "2 frames" in fault(post(client, DETECTOR, as_binary("frames", frames)), 413)
    large = np.zeros((1, 101, 100), np.uint8)
    assert "10000 pixels" in fault(post(client, DETECTOR, as_binary("frames", large)), 413)
    promised = {"inputs": [described("frames", frames[:1]) | {"shape": [2**31 - 1] * 3}]}
    fault(client.post(DETECTOR, json=promised), 413)
    assert post(client, DETECTOR, as_binary("frames", frames[:2])).status_code == 200


def test_a_frame_that_the_network_cannot_run_whole_is_the_detectors(client: httpx.Client) -> None:
    large = np.zeros((1, 1, 1280, 1296), np.float32)
    assert "rrcanet-detector takes large frames" in fault(post(client, NETWORK, as_binary("intensities", large)), 413)


def test_json_is_for_small_tensors(client: httpx.Client) -> None:
    assert "binary data" in fault(client.post(DETECTOR, content=b" " * (4 * 2**20 + 1)), 413)
    large = as_binary("frames", np.zeros((1, 512, 513), np.uint8), outputs=[{"name": "mask"}])
    assert "binary_data" in fault(post(client, DETECTOR, large), 400)


def test_what_does_not_fit_is_refused_with_retry_after(start_server: StartServer) -> None:
    client = start_server(queue_size=2, max_frames=2)
    request = as_binary("frames", make_scene(0, 400, 400).counts(8)[None], parameters={"binary_data_output": True})
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: post(client, DETECTOR, request), range(24)))
    assert {answer.status_code for answer in answers} == {200, 429}
    for refused in (answer for answer in answers if answer.status_code == 429):
        assert "places are taken" in fault(refused, 429)
        assert int(refused.headers["retry-after"]) >= 1


def test_versions_are_listed_and_pinned(start_server: StartServer, tmp_path: Path) -> None:
    for version in ("1", "2"):
        write_small_model(tmp_path / f"{version}.onnx", version=version)
    client = start_server(models=tmp_path)
    for name in ("small", "small-detector"):
        assert client.get(f"/v2/models/{name}").json()["versions"] == ["1", "2"]
    for version in ("1", "2"):
        answer = client.post(f"/v2/models/small/versions/{version}/infer", json=as_json("intensities", RAMP))
        assert answer.json()["model_version"] == version
        np.testing.assert_allclose(outputs(answer)["probabilities"], RAMP / 255, rtol=1e-6)
    assert client.post("/v2/models/small/infer", json=as_json("intensities", RAMP)).json()["model_version"] == "2"
    assert client.get("/v2/models/small/versions/2/ready").json() == {"name": "small", "ready": True}
    fault(client.get("/v2/models/small/versions/3/ready"), 404)


def test_a_files_own_name_comes_before_another_files_detector(start_server: StartServer, tmp_path: Path) -> None:
    for name in ("small", "small-detector"):
        write_small_model(tmp_path / f"{name}.onnx", name=name)
    client = start_server(models=tmp_path)
    inputs = {
        name: client.get(f"/v2/models/{name}").json()["inputs"][0]["name"]
        for name in ("small", "small-detector", "small-detector-detector")
    }
    assert inputs == {"small": "intensities", "small-detector": "intensities", "small-detector-detector": "frames"}


def test_an_unexpected_error_has_the_protocols_form(start_server: StartServer, tmp_path: Path) -> None:
    write_small_model(tmp_path / "m.onnx", stride=4)  # its graph takes multiples of 8 only
    client = start_server(models=tmp_path)
    response = client.post("/v2/models/small/infer", json=as_json("intensities", RAMP[:, :, :4, :4]))
    assert "this is a bug in the service" in fault(response, 500)
    assert client.post("/v2/models/small/infer", json=as_json("intensities", RAMP)).status_code == 200


def test_no_server_is_ready_before_its_models(start_server: StartServer, tmp_path: Path, model_file: Path) -> None:
    for index in range(6):  # loading takes long enough to ask meanwhile; twins are a fault only at the very end
        (tmp_path / f"{index}.onnx").write_bytes(model_file.read_bytes())
    client = start_server(wait_ready=False, models=tmp_path)
    answers = [client.get(f"/v2{path}") for path in ("/health/ready", "/models/rrcanet/ready", "/models/rrcanet")]
    answers.append(client.post(DETECTOR, json=as_json("frames", COUNTS)))
    for answer in answers:
        assert "being loaded" in fault(answer, 503)
        assert answer.headers["retry-after"] == "1"
    assert client.get("/v2/health/live").json() == {"live": True}


@pytest.mark.parametrize("path", ["/v2/nope", "/v2/models", "/v2/models/rrcanet/config", "/v2/models/a/b/c/d"])
def test_unknown_routes_have_the_protocols_form(client: httpx.Client, path: str) -> None:
    assert path in fault(client.get(path), 404)


def test_wrong_methods_have_the_protocols_form(client: httpx.Client) -> None:
    answer = client.get(DETECTOR)
    assert "does not allow GET" in fault(answer, 405)
    assert answer.headers["allow"] == "POST"
    fault(client.post("/v2"), 405)


def test_only_paths_under_v2_have_the_protocols_form(client: httpx.Client) -> None:
    assert client.get("/v2x").headers["content-type"] == "application/problem+json"


def test_routes_of_the_metrics_are_templates(client: httpx.Client) -> None:
    client.post("/v2/models/unheard-of/infer")
    client.get("/v2/models/unheard-of/versions/77")
    metrics = client.get("/metrics").text
    assert 'route="/v2/models/{model}/infer",status="404"' in metrics
    assert 'route="/v2/models/{model}/versions/{version}",status="404"' in metrics
    assert "unheard-of" not in metrics


def test_the_routes_are_documented(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v2/models/{model}/versions/{version}/infer"]["post"]
    assert {"application/json", "application/octet-stream"} <= set(operation["requestBody"]["content"])
    assert {"200", "400", "404", "413", "429", "504"} <= set(operation["responses"])
    assert {parameter.get("name") for parameter in operation["parameters"]} == {"model", "version", None}


def test_an_input_without_values_is_told_what_is_missing(client: httpx.Client) -> None:
    response = post(client, DETECTOR, joined({"inputs": [described("frames", COUNTS)]}, b""))
    assert "data or binary_data_size" in fault(response, 400)
