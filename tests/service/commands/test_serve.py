"""``rrcanet serve`` as a supervisor sees it: a process with a port, signals and an exit code."""

import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx

from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.server import CODE, failing, running
from tests.support.waiting import wait_until
from tests.support.wire import free_port


def test_it_serves_until_sigterm_and_exits_with_0() -> None:
    with running() as (process, client):
        assert client.post("/v1/detect", content=frames.png(make_scene(1).counts(8))).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_json_logs_are_one_object_a_line() -> None:
    import json

    with running(LOG_FORMAT="json") as (process, client):
        client.get("/v2", headers={"X-Request-Id": "seen"})
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        lines = [json.loads(line) for line in process.stderr]
    assert any(line.get("request_id") == "seen" and line["message"] == "GET /v2 200" for line in lines)


def test_every_wrong_setting_is_named_and_the_start_fails() -> None:
    result = failing(HOST="nowhere", MAX_PIXELS="-1", DEVICE="tpu", HOTS="x")
    assert result.returncode == 2
    for name in ("RRCANET_HOST", "RRCANET_MAX_PIXELS", "RRCANET_DEVICE", "RRCANET_HOTS"):
        assert name in result.stderr


def test_in_a_pod_beside_a_service_of_its_name_it_starts_and_tells_once_what_does_not_count(
    tmp_path: Path,
) -> None:
    with running(PORT="tcp://10.0.0.1:8000", SERVICE_HOST="10.0.0.1", SERVICE_PORT_HTTP="8000") as (_, client):
        assert client.get("/livez").status_code == 200
    result = failing(MODELS=str(tmp_path), PORT="tcp://10.0.0.1:8000", SERVICE_HOST="10.0.0.1")  # for all of its log
    assert result.returncode == 1
    assert result.stderr.count("RRCANET_PORT=tcp://10.0.0.1:8000 is the address of a Service") == 1


def test_cuda_refuses_to_run_on_a_cpu() -> None:
    result = failing("--device", "cuda")
    assert result.returncode == 1
    assert "NVIDIA driver" in result.stderr


def test_the_engine_can_be_chosen_where_the_service_is_started() -> None:
    with_option = "import sys; sys.argv += ['--engine', 'onnxruntime']; " + CODE
    with running(code=with_option, ENGINE="auto") as (_, client):
        (model,) = client.get("/v1/models").json()["models"]
    assert model["engine"] == "onnxruntime"


def test_an_engine_that_cannot_be_had_is_named_as_it_was_asked_for() -> None:
    result = failing("--engine", "onnxruntime", "--precision", "bf16")
    assert result.returncode == 2
    assert "--precision bf16: bf16 needs the engine openvino" in result.stderr
    assert "RRCANET_" not in result.stderr


def test_two_colons_take_both_kinds_of_addresses() -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", CODE, "serve", "--host", "::", "--port", str(port)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            for host in ("127.0.0.1", "[::1]"):
                wait_until(partial(_is_live, f"http://{host}:{port}/livez"), f"{host} does not answer")
        finally:
            process.terminate()
    assert process.returncode == 0


def _is_live(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


def test_a_port_that_is_taken_ends_the_start_with_the_options_that_change_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = failing("--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].endswith("with --host and --port, or with RRCANET_HOST and RRCANET_PORT")


def test_a_model_that_cannot_be_served_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    result = failing(MODELS=str(tmp_path))
    assert result.returncode == 1
    assert "broken.onnx" in result.stderr


def test_a_start_that_fails_for_a_reason_nobody_thought_of_ends_too() -> None:
    broken = "from service.server import loading\ndef odd(*_): raise RuntimeError('odd')\nloading.load_folder = odd\n"
    result = failing(code=broken + CODE)
    assert result.returncode == 1
    assert "the models cannot be loaded: RuntimeError('odd')" in result.stderr


def test_a_port_that_is_taken_ends_the_start() -> None:
    with running() as (_, client):
        result = failing("--port", str(client.base_url.port))
    assert result.returncode == 1
    assert "address already in use" in result.stderr


def test_serving_imports_no_torch() -> None:
    code = (
        "import service.api.app, service.cli, sys; assert 'torch' not in sys.modules; assert 'onnx' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
