"""Layers on pairs of pixels: the answers stay, the work changes, and other networks stay as they are."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset15 as op

from service.pretrained import DEFAULT
from service.runtime.cpus import has_avx512, has_bf16
from service.runtime.openvino import compiler
from service.runtime.openvino.compiler import Compiler
from service.runtime.openvino.pairs import rewrite
from service.runtime.openvino.pairs.rewrite import in_pairs, transposes
from service.runtime.openvino.pairs.rules import RULES
from service.simulation.scene import make_scene

SPECIALISTS = sorted((DEFAULT.parent / "specialists").glob("*.onnx"))
Values = NDArray[np.float32]
ONE_THREAD = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}


def scene(height: int, width: int) -> Values:
    counts = make_scene(5, max(height, 64), max(width, 64)).counts(8)
    return np.asarray(counts[:height, :width], np.float32)[None, None]


def read(path: Path, height: int, width: int) -> ov.Model:
    model = ov.Core().read_model(path)
    model.reshape({0: [1, 1, height, width]})
    return model


def compiled(model: ov.Model) -> ov.CompiledModel:
    return ov.Core().compile_model(model, "CPU", ONE_THREAD)


def answer(model: ov.Model, frame: Values) -> Values:
    values: Values = compiled(model)([frame])[0]
    return values


@pytest.mark.parametrize(("path", "size"), [(DEFAULT, (8, 8)), *((path, (64, 96)) for path in (DEFAULT, *SPECIALISTS))])
def test_models_that_ship_run_in_pairs_and_answer_as_before(path: Path, size: tuple[int, int]) -> None:
    model, frame = read(path, *size), scene(*size)
    paired = in_pairs(model)
    assert convolutions_at(paired, size) == 1  # the head on pairs: [1, 2, H, W / 2]
    np.testing.assert_allclose(answer(paired, frame), answer(model, frame), atol=2e-5)


def convolutions_at(model: ov.Model, size: tuple[int, int]) -> int:
    nodes = [node for node in model.get_ops() if node.get_type_name() == "Convolution"]
    return sum(list(node.get_output_shape(0)) == [1, 2, size[0], size[1] // 2] for node in nodes)


@pytest.mark.skipif(not has_avx512(), reason="this CPU has no AVX-512")
def test_openvino_moves_no_map_in_memory_to_make_pairs() -> None:
    assert not transposes(compiled(in_pairs(read(DEFAULT, 64, 96))))


def test_a_transposition_that_openvino_does_is_noticed() -> None:
    def turned(frame: ov.Output) -> ov.Output:
        return op.relu(op.transpose(op.relu(frame), np.asarray([0, 1, 3, 2]))).output(0)

    assert transposes(compiled(network(turned)))


def test_a_small_network_answers_as_before() -> None:
    model, frame = network(lambda frame: op.sigmoid(op.relu(convolution(frame, 5, 3))).output(0)), scene(16, 24)
    assert in_pairs(model) is not model
    np.testing.assert_allclose(answer(in_pairs(model), frame), answer(model, frame), atol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        lambda frame: convolution(frame, 16, 3),
        lambda frame: convolution(frame, 8, 2),
        lambda frame: convolution(frame, 8, 3, step=2),
        lambda frame: op.tanh(convolution(frame, 8, 3)).output(0),
        lambda frame: op.add(convolution(frame, 8, 3), op.relu(frame)).output(0),
        lambda frame: op.relu(frame).output(0),
    ],
    ids=["wide", "even kernel", "half size", "unknown layer", "one channel for all", "no convolution"],
)
def test_other_networks_stay_as_they_are(layers: Callable[[ov.Output], ov.Output]) -> None:
    model = network(layers)
    assert in_pairs(model) is model


def test_a_frame_with_an_odd_side_is_left_alone() -> None:
    model = network(lambda frame: convolution(frame, 8, 3), (16, 25))
    assert in_pairs(model) is model


def test_a_narrow_frame_is_left_alone() -> None:
    model = network(lambda frame: convolution(frame, 8, 3), (16, 2))
    assert in_pairs(model) is model


def test_a_network_that_cannot_be_rewritten_for_a_reason_nobody_thought_of_runs_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def odd(*_: object) -> None:
        raise TypeError("odd")

    monkeypatch.setitem(RULES, "Convolution", odd)
    model = network(lambda frame: convolution(frame, 8, 3))
    assert in_pairs(model) is model


def network(layers: Callable[[ov.Output], ov.Output], size: tuple[int, int] = (16, 24)) -> ov.Model:
    """The layers on one frame."""
    frame = op.parameter([1, 1, *size], np.float32)
    return ov.Model([layers(frame.output(0))], [frame])


def convolution(port: ov.Output, channels: int, side: int, step: int = 1) -> ov.Output:
    kernel = np.random.default_rng(side).normal(0, 0.01, (channels, port.get_shape()[1], side, side)).astype(np.float32)
    half, other = [side // 2] * 2, [(side - 1) // 2] * 2
    return op.convolution(port, op.constant(kernel), [step] * 2, half, other, [1, 1]).output(0)


def test_a_cpu_with_short_vectors_runs_the_network_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "has_avx512", lambda: False)
    monkeypatch.setattr(rewrite, "in_pairs", lambda model: pytest.fail("it is rewritten"))
    assert_answers_alike("f32", 1e-4)


def test_where_openvino_would_move_maps_the_network_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "transposes", lambda network: True)
    assert_answers_alike("f32", 1e-4, pairs=True)


@pytest.mark.skipif(not has_bf16(), reason="this CPU has no bfloat16")
def test_bfloat16_answers_as_the_free_size_network_does() -> None:
    assert_answers_alike("bf16", 0.1, pairs=True)


def assert_answers_alike(precision: str, close: float, *, pairs: bool | None = None) -> None:
    whole, frame = Compiler(DEFAULT, DEFAULT.read_bytes(), 1, pairs=pairs), scene(64, 96)
    free, own = (whole.compile(precision, None, shape) for shape in (None, (64, 96)))
    np.testing.assert_allclose(own.run(frame), free.run(frame), atol=close)
