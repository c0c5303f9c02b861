"""The device policy: what is missing for CUDA is named with its cure, and nothing falls back in silence.

A driver is what answers in ``libcuda.so.1``; these tests build such libraries, and a process of its own loads them.
"""

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime as ort
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

import service.runtime.onnxruntime.session
from service.runtime import CPU, CUDA, Device, ModelFault
from service.runtime.onnxruntime.driver import why_no_libraries
from service.runtime.onnxruntime.session import open_session, settings_for
from tests.support.server import failing
from tests.support.small_models import build_graph, write_graph, write_small_model
from tests.support.tools import require_tool

BUILD_KNOWS_CUDA = CUDA in ort.get_available_providers()
DRIVER = "int cuDriverGetVersion(int *v) {{ *v = {version}; return 0; }} int cuInit(unsigned f) {{ return {init}; }}"
LOAD = """
import logging, sys
from pathlib import Path
from service.runtime import Device, ModelFault, Runtime
logging.basicConfig(format="%(levelname)s %(message)s")
try:
    print(Runtime(Path(sys.argv[1]), Device(sys.argv[2])).provider)
except ModelFault as fault:
    print(fault)
    sys.exit(3)
"""


@pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a driver")
def test_without_a_driver_cuda_is_refused(brightness_model: Path) -> None:
    refused = _load(brightness_model, "cuda")
    assert refused.returncode == 3
    assert "there is no NVIDIA driver (libcuda.so.1); install driver 580 or newer" in refused.stdout
    assert "--gpus all" in refused.stdout


def test_a_driver_too_old_for_the_build_is_named_with_the_one_that_fits(brightness_model: Path, tmp_path: Path) -> None:
    refused = _load(brightness_model, "cuda", _driver(tmp_path, version=12_080, init=0))
    assert refused.returncode == 3
    assert (
        "the NVIDIA driver supports CUDA 12.8, but ONNX Runtime needs 13.0; install driver 580 or newer"
        in refused.stdout
    )


def test_a_server_that_must_have_cuda_does_not_start_beside_an_old_driver(tmp_path: Path) -> None:
    drivers = {"LD_LIBRARY_PATH": str(_driver(tmp_path, version=12_080, init=0))}
    refused = failing(others=drivers, DEVICE="cuda")
    assert refused.returncode == 1
    assert "the NVIDIA driver supports CUDA 12.8, but ONNX Runtime needs 13.0; install driver 580" in refused.stderr


def test_a_driver_without_a_gpu_is_refused(brightness_model: Path, tmp_path: Path) -> None:
    refused = _load(brightness_model, "cuda", _driver(tmp_path, version=13_000, init=100))
    assert refused.returncode == 3
    assert "the NVIDIA driver finds no GPU; run Docker with --gpus all" in refused.stdout


def test_a_driver_that_does_not_start_is_named_with_its_error(brightness_model: Path, tmp_path: Path) -> None:
    refused = _load(brightness_model, "cuda", _driver(tmp_path, version=13_000, init=803))
    assert refused.returncode == 3
    assert "the NVIDIA driver does not start (CUDA error 803); nvidia-smi may say why" in refused.stdout


def test_libraries_of_cuda_that_do_not_load_are_named_with_what_brings_them() -> None:
    said = (
        "Failed to load libcublasLt.so.13: libcublasLt.so.13: cannot open shared object file\n"
        "Failed to load /site/nvidia/cu13/lib/libcurand.so.10: invalid ELF header\n"
        "Please follow https://onnxruntime.ai/docs/install/#cuda-and-cudnn to install CUDA.\n"
    )
    told = str(why_no_libraries(said))
    assert told.startswith("CUDA libraries do not load (libcublasLt.so.13, libcurand.so.10); ")
    assert told.endswith(" -m pip install 'rrcanet-serve[gpu]'")
    assert why_no_libraries("") is None


@pytest.mark.skipif(not BUILD_KNOWS_CUDA, reason="this build of ONNX Runtime knows no CUDA")
def test_a_build_without_its_libraries_says_so_and_prints_nothing_else(brightness_model: Path, tmp_path: Path) -> None:
    refused = _load(brightness_model, "cuda", _driver(tmp_path, version=13_000, init=0))
    assert refused.returncode == 3
    assert refused.stdout.startswith("device cuda: CUDA libraries do not load (libcublasLt.so.13")


@pytest.mark.skipif(BUILD_KNOWS_CUDA, reason="this build of ONNX Runtime knows CUDA")
def test_the_build_without_cuda_is_named_with_the_one_to_install(brightness_model: Path, tmp_path: Path) -> None:
    refused = _load(brightness_model, "cuda", _driver(tmp_path, version=13_000, init=0))
    assert refused.returncode == 3
    assert " -m pip uninstall -y onnxruntime onnxruntime-gpu, then " in refused.stdout
    assert " -m pip install 'rrcanet-serve[gpu]'" in refused.stdout


def test_auto_takes_the_cpu_and_says_why(brightness_model: Path, tmp_path: Path) -> None:
    taken = _load(brightness_model, "auto", _driver(tmp_path, version=12_080, init=0))
    assert taken.returncode == 0
    assert taken.stdout.strip() == "CPUExecutionProvider"
    assert "WARNING device auto: running on the CPU (the NVIDIA driver supports CUDA 12.8" in taken.stderr
    assert "with device=cuda the service would not start" in taken.stderr


def test_the_cpu_is_taken_without_a_look_at_the_driver(brightness_model: Path, tmp_path: Path) -> None:
    taken = _load(brightness_model, "cpu", _driver(tmp_path, version=12_080, init=0))
    assert (taken.returncode, taken.stderr) == (0, "")


@pytest.mark.parametrize(("precision", "tensor_cores"), [("fp32", "0"), ("fp16", "1")])
def test_float32_is_float32_on_cuda_and_float16_runs_on_tensor_cores(
    tmp_path: Path, precision: str, tensor_cores: str
) -> None:
    model = write_small_model(tmp_path / "m.onnx", precision=precision)
    assert settings_for(model, model.read_bytes())["use_tf32"] == tensor_cores


def test_a_file_that_does_not_tell_its_precision_gets_no_settings(tmp_path: Path) -> None:
    model = write_graph(tmp_path / "m.onnx", build_graph(), None)
    with pytest.raises(ModelFault, match="has no model card"):
        settings_for(model, model.read_bytes())


class WithoutMemory(ort.InferenceSession):  # type: ignore[misc]  # ONNX Runtime tells no types
    """ONNX Runtime on a GPU that something else has filled."""

    def _create_inference_session(self, providers: list[object], *others: object) -> None:
        if providers != [CPU]:
            raise Fail("CUDA failure 2: out of memory")
        super()._create_inference_session(providers, *others)


def test_where_cuda_must_be_its_own_fault_is_told_and_the_cpu_not_tried(
    brightness_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ort, "InferenceSession", WithoutMemory)
    monkeypatch.setattr(service.runtime.onnxruntime.session, "missing_for_cuda", lambda: None)
    with pytest.raises(ModelFault, match=r"^device cuda: .* on CUDA: CUDA failure 2: out of memory$"):
        open_session(brightness_model, brightness_model.read_bytes(), Device.CUDA, 1)
    assert capsys.readouterr().out == ""


def test_where_cuda_may_be_the_cpu_takes_over_and_says_so(
    brightness_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ort, "InferenceSession", WithoutMemory)
    monkeypatch.setattr(service.runtime.onnxruntime.session, "missing_for_cuda", lambda: None)
    session = open_session(brightness_model, brightness_model.read_bytes(), Device.AUTO, 1)
    assert session.get_providers() == [CPU]
    assert "device auto: running on the CPU (ONNX Runtime cannot open " in caplog.text
    assert "CUDA failure 2: out of memory); with device=cuda the service would not start" in caplog.text


def _driver(folder: Path, version: int, init: int) -> Path:
    """A folder with a driver that says so."""
    source = folder / "driver.c"
    source.write_text(DRIVER.format(version=version, init=init))
    library = folder / "libcuda.so.1"
    subprocess.run([require_tool("cc"), "-shared", "-fPIC", "-o", library, source], check=True)
    return folder


def _load(model: Path, device: str, drivers: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"LD_LIBRARY_PATH": str(drivers)} if drivers else {})
    command = [sys.executable, "-c", LOAD, str(model), device]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
