"""``rrcanet card``: a network of any origin becomes a model file that is served, calibrated, evaluated and benched."""

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner, Result
from onnx import TensorProto, helper
from torch import nn

from export.commands.bench import bench_command
from export.commands.calibrate import calibrate_command
from export.commands.card import card_command
from export.onnx.card import read_model
from export.onnx.golden import golden_frame
from model.network.hosts import acm, dnanet
from model.network.hosts.host import Host
from service.runtime import Device, Runtime
from tests.export.evaluation.scored import evaluate, row
from tests.support import frames
from tests.support.scenes import write_scenes
from tests.support.server import serving
from tests.support.small_models import FREE, build_graph

MEAN, STD = 90.0, 60.0
Shape = Sequence[str | int]


def card(network: Path, output: Path, *options: object) -> Result:
    arguments = [network, "-o", output, "--name", "other", *options]
    return CliRunner().invoke(card_command, [str(one) for one in arguments])


def export_as_others_do(network: nn.Module, channels: int, path: Path) -> None:
    """By the old exporter, which most published repositories use."""
    axes = {0: "batch", 2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, channels, 32, 32),),
            str(path),
            input_names=["image"],
            output_names=["map"],
            dynamic_axes={"image": axes, "map": axes},
            opset_version=17,
            dynamo=False,
        )


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Host, Path]]]:
    """An ACM of three channels and a narrow DNANet of one, with cards."""
    folder = tmp_path_factory.mktemp("hosts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dnanet, "WIDTHS", (16, 16, 16, 16, 16))
        patch.setattr(dnanet, "UNITS", (1, 1, 1, 1, 1))
        torch.manual_seed(0)
        networks: dict[str, tuple[Host, int]] = {"acm": (acm.ACM(3), 3), "dnanet": (dnanet.DNANet(1), 1)}
        files = {}
        for name, (network, channels) in networks.items():
            export_as_others_do(network, channels, folder / "raw.onnx")
            options = ["--name", name, "--mean", MEAN, "--std", STD, "--logits", "--trained-on", "theirs"]
            result = card(folder / "raw.onnx", folder / f"{name}.onnx", *options)
            assert result.exit_code == 0, result.output
            assert "stride 16" in result.output
            files[name] = network, folder / f"{name}.onnx"
        (folder / "raw.onnx").unlink()
        yield files


@pytest.mark.parametrize("name", ["acm", "dnanet"])
def test_the_file_answers_as_the_network(hosts: dict[str, tuple[Host, Path]], name: str) -> None:
    network, path = hosts[name]
    described = read_model(path)[1]
    assert (described.name, described.stride, described.trained_on) == (name, 16, ("theirs",))
    frame = golden_frame(16).astype(np.float32)[None, None]
    inputs = (torch.from_numpy(frame) - MEAN) / STD
    with torch.no_grad():
        expected = torch.sigmoid(network(inputs.expand(-1, described.in_channels, -1, -1))).numpy()
    np.testing.assert_allclose(Runtime(path, Device.CPU).probabilities(frame), expected, atol=1e-4)


def test_both_are_served(hosts: dict[str, tuple[Host, Path]]) -> None:
    folder = hosts["acm"][1].parent
    frame = frames.png(golden_frame(1)[:50, :70])
    with serving(models=folder) as client:
        names = [one["name"] for one in client.get("/v1/models").json()["models"]]
        assert sorted(names) == ["acm", "dnanet"]
        for name in names:
            answer = client.post(f"/v1/detect?model={name}&threshold=0.1", content=frame)
            assert (answer.status_code, answer.json()["model"]["name"]) == (200, name)


def test_one_is_evaluated_and_benched(hosts: dict[str, tuple[Host, Path]], tmp_path: Path) -> None:
    path = hosts["acm"][1]
    write_scenes(tmp_path / "scenes", count=4)
    assert row(evaluate(path, tmp_path / "scenes", "--record"))["frames"] == "2"
    options = ["--model", str(path), "--size", "32x32", "--seconds", "0.05", "--turns", "1"]
    result = CliRunner().invoke(bench_command, [*options, "--json", str(tmp_path / "bench.json")])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "bench.json").read_text())["cases"]


def test_a_network_is_calibrated(tmp_path: Path) -> None:
    (tmp_path / "raw.onnx").write_bytes(build_graph().SerializeToString())  # brightness is its probability
    assert card(tmp_path / "raw.onnx", tmp_path / "net.onnx").exit_code == 0
    write_scenes(tmp_path / "scenes", count=12)
    result = CliRunner().invoke(calibrate_command, [str(tmp_path / "net.onnx"), "--data", str(tmp_path / "scenes")])
    assert result.exit_code == 0, result.output
    described = read_model(tmp_path / "net.onnx")[1]
    assert described.calibration.fitted_on.startswith("scenes train: ")
    assert described.operating_points is not None


def write(path: Path, inputs: Sequence[Shape], outputs: Sequence[Shape], kind: int = TensorProto.FLOAT) -> Path:
    """A network that gives back its first input under each name of an output, whatever the shapes say."""
    given = [helper.make_tensor_value_info(f"in{place}", kind, shape) for place, shape in enumerate(inputs)]
    answers = [helper.make_tensor_value_info(f"out{place}", kind, shape) for place, shape in enumerate(outputs)]
    nodes = [helper.make_node("Identity", ["in0"], [one.name]) for one in answers]
    model = helper.make_model(
        helper.make_graph(nodes, "g", given, answers), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ([FREE], [FREE, FREE], "the network has 2 outputs (out0, out1), but a model file has one: keep the map alone"),
        ([FREE, FREE], [FREE], "the network has 2 inputs (in0, in1), but a model file has one: keep the image alone"),
        ([("N", "H", "W")], [FREE], "the input in0 is float ['N', 'H', 'W']: it must have four axes, [N, C, H, W]"),
        ([FREE], [("N", "H", "W")], "must have four axes, [N, 1, H, W]; export it with that shape"),
        ([(1, 1, 256, 256)], [FREE], "frames of other sizes would be refused; export it with free axes 0, 2 and 3"),
        ([("N", "C", "H", "W")], [FREE], "free number of channels"),
        ([FREE], [("N", 2, "H", "W")], "the output has 2 channels, but a map of targets has one"),
    ],
)
def test_a_network_that_cannot_have_a_card_is_refused_in_words(
    tmp_path: Path, inputs: Sequence[Shape], outputs: Sequence[Shape], told: str
) -> None:
    result = card(write(tmp_path / "net.onnx", inputs, outputs), tmp_path / "out.onnx")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert told in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "the output lies between"),
        (("--mean", "1", "--mean", "2"), "2 values of mean for 1 channels: give one, or one for each channel"),
        (("--std", "255", "--stride", "3"), "no map of the size of its input for sides that are multiples of 3"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_words(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    network = tmp_path / "net.onnx"  # intensity / 255 of frames whose sides are multiples of 8
    network.write_bytes(_times(build_graph(), 255))
    result = card(network, tmp_path / "out.onnx", *options)
    assert result.exit_code == 1
    assert told in result.output
    assert not (tmp_path / "out.onnx").exists()


def _times(model: onnx.ModelProto, factor: float) -> bytes:
    """The network with its last divisor replaced, so that it gives back what it gets."""
    model.graph.initializer[0].CopyFrom(helper.make_tensor("scale", TensorProto.FLOAT, [], [255 / factor]))
    content: bytes = model.SerializeToString()
    return content


def test_what_is_no_network_is_named(tmp_path: Path, model_file: Path) -> None:
    assert "there is no file" in card(tmp_path / "nowhere.onnx", tmp_path / "out.onnx").output
    (tmp_path / "text.onnx").write_text("text")
    assert "is no ONNX file that can be read" in card(tmp_path / "text.onnx", tmp_path / "out.onnx").output
    assert "has a card already" in card(model_file, tmp_path / "out.onnx").output
    wrong = write(tmp_path / "half.onnx", [FREE], [FREE], TensorProto.FLOAT16)
    assert "export it with float32 as type of the input" in card(wrong, tmp_path / "out.onnx").output


def test_a_network_of_newer_operators_is_served_with_a_warning(tmp_path: Path) -> None:
    network = onnx.load(write(tmp_path / "net.onnx", [FREE], [FREE]))
    network.opset_import[0].version = 21
    network.ir_version = 10
    (tmp_path / "net.onnx").write_bytes(network.SerializeToString())
    result = card(tmp_path / "net.onnx", tmp_path / "out.onnx", "--std", "255")
    assert result.exit_code == 0, result.output
    assert "CUDA may not run every node" in result.stderr
    described = read_model(tmp_path / "out.onnx")[1]
    assert (described.cuda_gate, described.stride, described.opset) == ("none", 1, 21)
