"""A model file in float16: small numbers inside, the same frames, probabilities and targets outside."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from onnx import TensorProto, numpy_helper
from onnx.shape_inference import infer_shapes

from export.commands.verify import verify_command
from export.onnx.card import read_model
from export.onnx.verify import comparison_frames
from model.network.checkpoint import load_checkpoint, save_checkpoint
from service.runtime import Device, Runtime
from service.runtime.onnxruntime.session import settings_for
from tests.export.conftest import export


@pytest.fixture(scope="module")
def half(shipped_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights that ship, in float16."""
    path = tmp_path_factory.mktemp("half") / "half.onnx"
    result = export(shipped_checkpoint, path, "--precision", "fp16")
    assert result.exit_code == 0, result.output
    iou = re.search(r"IoU (\d\.\d+) \(at least 0\.99\)", result.output)
    assert iou is not None
    assert float(iou[1]) >= 0.99
    return path


def test_weights_and_arithmetic_are_float16(half: Path) -> None:
    graph, card = read_model(half)
    assert card.precision == "fp16"
    inferred = infer_shapes(graph).graph
    types = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    types |= {tensor.name: tensor.data_type for tensor in graph.graph.initializer}
    heavy = [node for node in graph.graph.node if node.op_type in {"Conv", "Resize", "Mul", "MaxPool", "ReduceMean"}]
    assert len(heavy) > 100
    assert {types[name] for node in heavy for name in (node.input[0], *node.output)} == {TensorProto.FLOAT16}
    assert half.stat().st_size < 1.5e6


def test_frames_and_probabilities_stay_float32(half: Path) -> None:
    graph = read_model(half)[0].graph
    assert [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)] == [TensorProto.FLOAT] * 2
    casts = [node for node in graph.node if node.op_type == "Cast"]
    assert len(casts) == 2, "one on the way in, one on the way out"
    assert graph.node[-1].op_type == "Sigmoid"
    assert graph.node[-1].input[0] == casts[-1].output[0]


def test_batch_norms_are_folded_before_weights_are_rounded(half: Path) -> None:
    assert Counter(node.op_type for node in read_model(half)[0].graph.node)["BatchNormalization"] == 0


def test_its_convolutions_may_run_on_tensor_cores(half: Path) -> None:
    assert settings_for(half, half.read_bytes())["use_tf32"] == "1"


def test_targets_are_those_of_float32(half: Path, model_file: Path) -> None:
    intensities = comparison_frames(2, 120, 160)
    rounded, exact = (Runtime(path, Device.CPU).probabilities(intensities) for path in (half, model_file))
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - exact).max() < 0.02
    assert np.count_nonzero((rounded > 0.5) ^ (exact > 0.5)) <= 1


def test_verify_judges_float16_by_its_targets(half: Path, shipped_checkpoint: Path) -> None:
    result = CliRunner().invoke(verify_command, [str(half), str(shipped_checkpoint)])
    assert result.exit_code == 0, result.output
    assert "Pd 1.0000 (at least 0.99), Fa 0.0e-6" in result.output
    assert "allowed 1e-04" not in result.output


def test_verify_refuses_float16_weights_that_were_tampered_with(
    half: Path, shipped_checkpoint: Path, tmp_path: Path
) -> None:
    graph = onnx.load(half)
    head = next(tensor for tensor in graph.graph.initializer if tensor.name.endswith("head.bias"))
    head.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(head) - np.float16(0.5), head.name))
    onnx.save(graph, tmp_path / "dim.onnx")
    result = CliRunner().invoke(verify_command, [str(tmp_path / "dim.onnx"), str(shipped_checkpoint)])
    assert result.exit_code == 1
    assert "DIFFERS" in result.output


def test_a_file_that_answers_no_number_is_refused(half: Path, shipped_checkpoint: Path, tmp_path: Path) -> None:
    graph = onnx.load(half)
    head = next(tensor for tensor in graph.graph.initializer if tensor.name.endswith("head.bias"))
    head.CopyFrom(numpy_helper.from_array(np.full(1, np.nan, np.float16), head.name))
    onnx.save(graph, tmp_path / "nan.onnx")
    assert CliRunner().invoke(verify_command, [str(tmp_path / "nan.onnx"), str(shipped_checkpoint)]).exit_code == 1


def test_weights_too_large_for_float16_are_named(exported: tuple[Path, Path, object], tmp_path: Path) -> None:
    checkpoint = load_checkpoint(exported[0])
    weights = checkpoint.network.state_dict()
    weights["head.bias"] = torch.full_like(weights["head.bias"], 1e5)
    save_checkpoint(tmp_path / "large.safetensors", weights, checkpoint.record)
    result = export(tmp_path / "large.safetensors", tmp_path / "m.onnx", "--precision", "fp16")
    assert result.exit_code == 1
    assert "head.bias holds 1e+05, which is more than float16 can store" in result.output
    assert not (tmp_path / "m.onnx").exists()
