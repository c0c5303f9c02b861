"""Runs on OpenVINO: what ONNX Runtime answers, whichever network answers, and however many frames wait together."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray

from service.errors import ServiceError
from service.pretrained import DEFAULT
from service.runtime import Device, Engine, EngineChoice, ModelFault, Precision, Runtime
from service.runtime.cpus import has_bf16
from service.runtime.openvino import runs
from service.runtime.openvino.compiled import Compiled
from service.runtime.openvino.compiler import Compiler
from service.runtime.openvino.runs import MANY, OpenVinoRuns
from service.runtime.openvino.shapes import WORTH, Shape
from service.simulation.scene import make_scene
from tests.service.runtime.openvino.support import F32, open_runtime, shapes_of, wait_for
from tests.support.small_models import build_graph, small_card, write_graph
from tests.support.waiting import wait_until

CLOSE = 1e-4  # of a probability, between two engines in float32


def frames(number: int, height: int = 64, width: int = 96) -> NDArray[np.float32]:
    return np.stack([np.asarray(make_scene(seed, height, width).counts(8), np.float32)[None] for seed in range(number)])


@pytest.fixture(scope="module")
def reference() -> Runtime:
    return Runtime(DEFAULT, Device.CPU, 1)


@pytest.fixture(scope="module")
def shipped() -> Runtime:
    return open_runtime(DEFAULT)


def test_the_model_answers_as_on_onnx_runtime(shipped: Runtime, reference: Runtime) -> None:
    shipped.check_golden()
    np.testing.assert_allclose(shipped.probabilities(frames(2)), reference.probabilities(frames(2)), atol=CLOSE)
    assert shipped.card == reference.card
    assert shipped.labels == (reference.sha256, "OpenVINO", "openvino", "f32")


def test_a_shape_that_comes_often_gets_a_network_which_answers_alike(shipped: Runtime, reference: Runtime) -> None:
    given, shape = frames(1, 72, 104), Shape(72, 104)
    for _ in range(WORTH):
        shipped.probabilities(given)
    wait_for(shipped, shape)
    np.testing.assert_allclose(shipped.probabilities(given), reference.probabilities(given), atol=CLOSE)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_each_frame_gets_its_own_answer(brightness_model: Path, threads: int, number: int) -> None:
    runtime = open_runtime(brightness_model, threads)
    given = np.random.default_rng(number).uniform(0, 255, (number, 1, 8, 16)).astype(np.float32)
    np.testing.assert_allclose(runtime.probabilities(given), given / 255, atol=1e-6)


def test_frames_side_by_side_get_their_own_answers(brightness_model: Path) -> None:
    runtime = open_runtime(brightness_model, 4)
    given = np.random.default_rng(0).uniform(0, 255, (9, 1, 8, 16)).astype(np.float32)
    for _ in range(WORTH):
        np.testing.assert_allclose(runtime.probabilities(given), given / 255, atol=1e-6)
    wait_for(runtime, Shape(8, 16, 4))
    np.testing.assert_allclose(runtime.probabilities(given), given / 255, atol=1e-6)


def test_threads_that_call_at_once_get_their_own_answers(brightness_model: Path) -> None:
    runtime = open_runtime(brightness_model, 2)
    given = [np.full((1, 1, 64, 64), level, np.float32) for level in range(100)]
    with ThreadPoolExecutor(8) as pool:
        for frame, answer in zip(given, pool.map(runtime.probabilities, given), strict=True):
            np.testing.assert_allclose(answer, frame / 255, atol=1e-6)


def test_many_shapes_replace_the_free_shape_network(brightness_model: Path) -> None:
    runtime = open_runtime(brightness_model)
    assert isinstance(runtime._runs, OpenVinoRuns)
    first = runtime._runs._free
    for side in range(1, MANY + 3):
        given = np.full((1, 1, 8, 8 * side), side, np.float32)
        np.testing.assert_allclose(runtime.probabilities(given), given / 255, atol=1e-6)
    wait_until(lambda: runtime._runs._free is not first, "it is not replaced")  # type: ignore[attr-defined]
    assert len(shapes_of(runtime)) <= 8


def test_a_network_that_fails_is_replaced(brightness_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = open_runtime(brightness_model)
    assert isinstance(runtime._runs, OpenVinoRuns)
    broken, given = runtime._runs._free, np.ones((1, 1, 8, 24), np.float32)
    with monkeypatch.context() as patch:
        patch.setattr(Compiled, "run", _fail)
        with pytest.raises(ServiceError, match="no memory for 1 frame"):
            runtime.probabilities(given)
    wait_until(lambda: runtime._runs._free is not broken, "the network is not replaced")  # type: ignore[attr-defined]
    np.testing.assert_allclose(runtime.probabilities(given), given / 255, atol=1e-6)


def test_until_then_all_that_it_says_means_no_memory(brightness_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, given = open_runtime(brightness_model), np.ones((1, 1, 8, 24), np.float32)
    monkeypatch.setattr(runs, "in_background", lambda _: None)
    monkeypatch.setattr(Compiled, "run", _differ)
    with pytest.raises(RuntimeError, match="shapes differ"):
        runtime.probabilities(given)
    with pytest.raises(ServiceError, match="no memory for 1 frame"):
        runtime.probabilities(given)


def _fail(*_: object) -> None:
    raise MemoryError


def _differ(*_: object) -> None:
    raise RuntimeError("shapes differ")


def test_files_that_cannot_be_served_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"not ONNX")
    with pytest.raises(ModelFault, match="OpenVINO cannot load "):
        open_runtime(bad)
    with pytest.raises(ModelFault, match="has no model card"):
        open_runtime(write_graph(tmp_path / "m.onnx", build_graph(), None))
    fixed = write_graph(tmp_path / "m.onnx", build_graph(shape=("N", 1, "H", 8)), small_card().model_dump_json())
    with pytest.raises(ModelFault, match="the input must be one float32 tensor"):
        open_runtime(fixed)


@pytest.mark.skipif(not has_bf16(), reason="this CPU has no bfloat16")
def test_bfloat16_answers_its_golden_frame_and_finds_the_same_targets(reference: Runtime) -> None:
    runtime = open_runtime(DEFAULT, 1, EngineChoice(Engine.OPENVINO, Precision.BF16))
    runtime.check_golden()
    assert runtime.precision == "bf16"
    difference = np.abs(runtime.probabilities(frames(2)) - reference.probabilities(frames(2))).max()
    assert CLOSE < difference < 0.15, "float32 would not differ at all"


ALONE = """
import resource, sys
import numpy as np
from service.errors import Reason, ServiceError
from service.pretrained import DEFAULT
from service.runtime import Device, Engine, EngineChoice, Precision, Runtime
from service.runtime.openvino import runs
runs.in_background = lambda step: None  # no thread begins without memory: it would end the process
runtime = Runtime(DEFAULT, Device.CPU, 1, EngineChoice(Engine.OPENVINO, Precision.F32))
runtime.check_golden()
assert "openvino" in sys.modules and "onnxruntime" not in sys.modules
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**27,) * 2)
try:
    runtime.probabilities(np.ones((1, 1, 2560, 2560), np.float32))
except ServiceError as fault:
    assert fault.reason is Reason.OUT_OF_MEMORY
else:
    raise AssertionError("2560x2560 needs gigabytes")
"""


def test_in_a_process_of_its_own_it_reports_to_nobody_and_a_frame_without_memory_gets_no_answer(tmp_path: Path) -> None:
    """`import openvino` would write an id below the home folder and report to Google Analytics."""
    subprocess.run([sys.executable, "-c", ALONE], env={"HOME": str(tmp_path)}, check=True, timeout=120)
    assert list(tmp_path.iterdir()) == []


def test_the_choice_of_the_reference_is_the_default() -> None:
    assert EngineChoice() == EngineChoice(Engine.ONNXRUNTIME, Precision.F32, None) != F32


class Busy:
    """A compiled network that another thread runs: its memory cannot be given back yet."""

    def __init__(self, network: ov.CompiledModel) -> None:
        self.network, self.is_busy, self.released = network, True, 0

    def create_infer_request(self) -> ov.InferRequest:
        return self.network.create_infer_request()

    def release_memory(self) -> None:
        if self.is_busy:
            raise RuntimeError("the graph is busy")
        self.released += 1


def test_memory_that_a_run_of_another_thread_holds_is_given_back_after_it(brightness_model: Path) -> None:
    compiler = Compiler(brightness_model, brightness_model.read_bytes(), 1)
    busy = Busy(compiler.compile("f32", None, None)._model)
    network, frame = Compiled(busy), np.zeros((1, 1, 8, 16), np.float32)
    network.run(frame)
    network.release()
    assert busy.released == 0
    busy.is_busy = False
    network.run(frame)
    network.run(frame)
    assert busy.released == 1
