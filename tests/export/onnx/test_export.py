"""A checkpoint becomes one self-describing file that answers as PyTorch does, or no file at all."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from click.testing import CliRunner, Result

from export.commands.verify import verify_command
from export.onnx.graph import PRECISIONS, Precision
from model.network.checkpoint import TrainingRecord, build_network, load_checkpoint, save_checkpoint
from model.recipe import Network
from service.runtime import Device, Runtime
from service.runtime.card import METADATA_KEY, Card
from tests.export.conftest import SMALL, SMALL_COLOUR, export, write_checkpoint

Exported = tuple[Path, Path, Result]


def test_the_file_describes_itself(exported: Exported) -> None:
    _, path, result = exported
    assert result.exit_code == 0, result.output
    assert {item.name for item in path.parent.iterdir()} == {"small.safetensors", "small.onnx"}
    graph = onnx.load(path)
    (text,) = (entry.value for entry in graph.metadata_props if entry.key == METADATA_KEY)
    card = Card.model_validate_json(text)
    assert (card.name, card.version, card.threshold, card.recipe, card.steps) == ("small", "7", 0.3, "small", 3)
    assert (card.stride, card.in_channels, card.trained_on) == (2, 1, ("scenes",))
    assert card.parameters == sum(p.numel() for p in load_checkpoint(exported[0]).network.parameters())


def test_the_graph_is_one_that_cuda_can_run(exported: Exported) -> None:
    graph = onnx.load(exported[1])
    assert max(opset.version for opset in graph.opset_import) <= 18
    assert {opset.domain for opset in graph.opset_import} <= {"", "ai.onnx"}
    assert not {node.op_type for node in graph.graph.node} & {"If", "Loop", "Scan"}
    assert not any(tensor.external_data for tensor in graph.graph.initializer)


def test_every_activation_tells_its_shape_by_the_frames(exported: Exported) -> None:
    graph = onnx.load(exported[1]).graph
    names = {name for node in graph.node for name in node.output} - {value.name for value in graph.output}
    shapes = {
        value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output, *graph.value_info)
    }
    assert names <= shapes.keys()
    assert shapes["intensities"] == shapes["probabilities"] == ["N", 1, "H", "W"]
    assert {tuple(shape[2:]) for shape in shapes.values()} == {("H", "W"), ("H/2", "W/2"), (1, 1)}


def test_by_these_shapes_no_sum_is_left_beside_the_convolutions_of_a_cpu(exported: Exported, tmp_path: Path) -> None:
    named = onnx.load(exported[1])
    nameless = onnx.load(exported[1])
    del nameless.graph.value_info[:]
    sums, sums_without = (_optimised(model, tmp_path / "optimised.onnx").count("Add") for model in (named, nameless))
    assert sums < sums_without


def _optimised(model: onnx.ModelProto, path: Path) -> list[str]:
    """Operators of the graph as ONNX Runtime runs it here."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(path)
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(path).graph.node]


def test_batch_height_and_width_are_free(exported: Exported) -> None:
    runtime = Runtime(exported[1], Device.CPU)
    for shape in ((1, 1, 2, 2), (5, 1, 34, 18), (2, 1, 8, 120)):
        assert runtime.probabilities(np.zeros(shape, np.float32)).shape == shape


def test_normalisation_and_sigmoid_are_inside(exported: Exported) -> None:
    checkpoint = load_checkpoint(exported[0])
    intensities = np.random.default_rng(0).uniform(0, 255, (2, 1, 16, 24)).astype(np.float32)
    assert (checkpoint.record.mean, checkpoint.record.std) == (90.0, 60.0)
    inputs = (torch.from_numpy(intensities) - 90.0) / 60.0
    with torch.no_grad():
        expected = torch.sigmoid(checkpoint.network(inputs)).numpy()
    answer = Runtime(exported[1], Device.CPU).probabilities(intensities)
    np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_every_comparison_is_printed(exported: Exported) -> None:
    lines = [line for line in exported[2].output.splitlines() if line.startswith("ok")]
    sizes = {tuple(line.split(":")[0].split()[1:]) for line in lines}
    assert len({size[2:] for size in sizes}) >= 3
    assert len({size[0] for size in sizes}) >= 2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_each_channel_may_have_a_normalisation_of_its_own(tmp_path: Path, precision: Precision) -> None:
    mean, std = (130.0, 116.0, 80.0), (70.0, 57.0, 20.0)
    path = write_checkpoint(tmp_path / "w.safetensors", SMALL_COLOUR, mean=mean, std=std)
    result = export(path, tmp_path / "m.onnx", "--precision", precision)
    assert result.exit_code == 0, result.output
    intensities = np.random.default_rng(0).uniform(0, 255, (2, 1, 16, 24)).astype(np.float32)
    channels = [(intensities - one) / other for one, other in zip(mean, std, strict=True)]
    with torch.no_grad():
        expected = torch.sigmoid(load_checkpoint(path).network(torch.from_numpy(np.concatenate(channels, 1)))).numpy()
    runtime = Runtime(tmp_path / "m.onnx", Device.CPU)
    assert runtime.card.in_channels == 3
    answer = runtime.probabilities(intensities)
    np.testing.assert_allclose(answer, expected, atol=1e-5 if precision == "fp32" else 2e-2)


def test_a_network_deeper_than_the_golden_frame_is_wide_is_exported(tmp_path: Path) -> None:
    shape = Network(widths=(8,) * 7, units=(1,) * 7, passes=1)
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "w.safetensors", build_network(shape).state_dict(), TrainingRecord(network=shape))
    result = export(tmp_path / "w.safetensors", tmp_path / "m.onnx")
    assert result.exit_code == 0, result.output
    runtime = Runtime(tmp_path / "m.onnx", Device.CPU)
    runtime.check_golden()
    assert runtime.card.stride == 64


@pytest.mark.parametrize("precision", PRECISIONS)
def test_windows_of_pooling_are_in_the_file(tmp_path: Path, precision: Precision) -> None:
    shape = Network(widths=(8, 16, 16), units=(1, 1, 1), passes=1, pool_window=64)
    path = write_checkpoint(tmp_path / "w.safetensors", shape)
    result = export(path, tmp_path / "m.onnx", "--precision", precision)
    assert result.exit_code == 0, result.output
    assert "68" in result.output, "the check includes a frame that is larger than the window"
    runtime, checkpoint = Runtime(tmp_path / "m.onnx", Device.CPU), load_checkpoint(path)
    assert runtime.card.pool_window == checkpoint.record.network.pool_window == 64
    assert {"AveragePool", "MaxPool", "Resize"} <= {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    for size in ((4, 4), (64, 64), (40, 100), (136, 260)):
        intensities = np.random.default_rng(0).uniform(0, 255, (2, 1, *size)).astype(np.float32)
        intensities[:, :, :3, :3] = 255
        with torch.no_grad():
            expected = torch.sigmoid(checkpoint.network((torch.from_numpy(intensities) - 90.0) / 60.0)).numpy()
        answer = runtime.probabilities(intensities)
        np.testing.assert_allclose(answer, expected, atol=1e-5 if precision == "fp32" else 2e-2)


def test_verify_names_a_network_of_another_depth(exported: Exported, tmp_path: Path) -> None:
    shape = Network(widths=(8, 8, 8), units=(1, 1, 1), passes=1)
    save_checkpoint(tmp_path / "w.safetensors", build_network(shape).state_dict(), TrainingRecord(network=shape))
    result = verify(exported[1], tmp_path / "w.safetensors")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "has the stride 2" in result.output
    assert "the stride 4: another network" in result.output


def test_a_checkpoint_that_does_not_fit_leaves_no_file(tmp_path: Path) -> None:
    torch.save({"state_dict": {"backbone.weight": torch.zeros(1)}}, tmp_path / "w.pth")
    result = export(tmp_path / "w.pth", tmp_path / "m.onnx")
    assert result.exit_code == 1
    assert "backbone.weight" in result.output
    assert not (tmp_path / "m.onnx").exists()
    assert export(tmp_path / "none.pth", tmp_path / "m.onnx").exit_code == 1


def verify(model: Path, checkpoint: Path) -> Result:
    return CliRunner().invoke(verify_command, [str(model), str(checkpoint)])


def test_verify_confirms_a_pair_that_belongs_together(exported: Exported) -> None:
    checkpoint, model, _ = exported
    result = verify(model, checkpoint)
    assert (result.exit_code, "DIFFERS" in result.output) == (0, False)


def test_verify_refuses_the_weights_of_another_run(exported: Exported, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other.safetensors", SMALL, seed=1)
    result = verify(exported[1], other)
    assert result.exit_code == 1
    assert "DIFFERS" in result.output


def test_verify_refuses_a_graph_that_was_tampered_with(exported: Exported, tmp_path: Path) -> None:
    checkpoint, model, _ = exported
    graph = onnx.load(model)
    largest = max(graph.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights = np.frombuffer(largest.raw_data, np.float32) * np.float32(1.05)
    largest.raw_data = weights.tobytes()
    onnx.save(graph, tmp_path / "m.onnx")
    assert verify(tmp_path / "m.onnx", checkpoint).exit_code == 1


@pytest.mark.parametrize("missing", ["model", "checkpoint"])
def test_verify_names_what_is_missing(exported: Exported, tmp_path: Path, missing: str) -> None:
    checkpoint, model, _ = exported
    nowhere = tmp_path / "nowhere"
    result = verify(nowhere, checkpoint) if missing == "model" else verify(model, nowhere)
    assert result.exit_code == 1
    assert "nowhere" in result.output


def test_the_model_that_ships_is_the_checkpoint_that_ships(model_file: Path, shipped_checkpoint: Path) -> None:
    result = verify(model_file, shipped_checkpoint)
    assert result.exit_code == 0, result.output


def test_a_refused_export_leaves_the_file_that_was_there(exported: Exported, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    shutil.copy(exported[1], model)
    before = model.read_bytes()
    trained = load_checkpoint(exported[0])
    weights = trained.network.state_dict()
    weights["head.bias"] = torch.full_like(weights["head.bias"], torch.nan)
    save_checkpoint(tmp_path / "nan.safetensors", weights, trained.record)
    result = export(tmp_path / "nan.safetensors", model)
    assert result.exit_code == 1
    assert model.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx", "nan.safetensors"]


def test_a_folder_that_cannot_be_written_is_named(exported: Exported) -> None:
    result = export(exported[0], Path("/proc/nowhere/m.onnx"))
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "cannot write /proc/nowhere/m.onnx" in result.output


def test_an_interrupted_write_leaves_the_old_file(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    model = tmp_path / "m.onnx"
    shutil.copy(exported[1], model)
    before = model.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    result = export(exported[0], model)
    assert (result.exit_code, "No space left on device" in result.output) == (1, True)
    assert model.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.onnx"]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--name", "a b"), ("--model-version", "1 beta"), ("--threshold", "nan"), ("--threshold", "2")],
)
def test_what_no_card_can_hold_is_named_before_the_work(tmp_path: Path, option: str, value: str) -> None:
    result = export(tmp_path / "absent.safetensors", tmp_path / "m.onnx", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output
    assert value in result.output
