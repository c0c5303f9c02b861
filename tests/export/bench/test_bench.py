"""``rrcanet bench``: figures of a model file and of a service, beside what the device allows."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper

from export.bench.ceilings import Ceilings
from export.bench.roofline import Work, count_work, least_seconds
from export.commands.bench import bench_command
from service.extras import how_to_install
from tests.support.server import StartServer

QUICK = ("--seconds", "0.2", "--turns", "2")
Exported = tuple[Path, Path, Result]


def bench(*options: object) -> Result:
    return CliRunner().invoke(bench_command, [*(str(option) for option in options), *QUICK])


def figures(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_model_file_is_timed_beside_its_floor(exported: Exported, tmp_path: Path) -> None:
    sizes = ("--size", "32x16", "--size", "16x16", "--batch", 1, "--batch", 3)
    result = bench("--model", exported[1], *sizes, "--json", tmp_path / "b.json")
    assert result.exit_code == 0, result.output
    found = figures(tmp_path / "b.json")
    assert [(case["size"], case["batch"]) for case in found["cases"]] == [
        ("32x16", 1),
        ("32x16", 3),
        ("16x16", 1),
        ("16x16", 3),
    ]
    for case in found["cases"]:
        timing, floor = case["timing"], case["floor"]
        assert 0 < timing["p50_ms"] <= timing["p99_ms"]
        assert timing["calls"] >= 2
        assert timing["frames_per_second"] == pytest.approx(case["batch"] * timing["calls_per_second"])
        assert floor["frames_per_second"] > 0
    one, three = (case["floor"]["operations"] for case in found["cases"][:2])
    assert three == 3 * one
    assert min(found["ceilings"][key] for key in ("bytes_per_second", "operations_per_second")) > 1e6
    assert "small 7 (small.onnx, fp32, CPUExecutionProvider, engine onnxruntime, precision f32)" in result.output
    assert "| 32x16 | 3 |" in result.output


def test_a_service_is_timed_by_its_requests(client: httpx.Client, tmp_path: Path) -> None:
    options = ("--size", "33x17", "--batch", 2, "--clients", 2, "--json", tmp_path / "b.json")
    result = bench(client.base_url, *options)
    assert result.exit_code == 0, result.output
    (case,) = figures(tmp_path / "b.json")["cases"]
    assert case["timing"]["calls"] >= 4
    assert case["floor"] is None
    assert "2 client(s)" in result.output


def test_what_a_service_refuses_is_a_row_with_the_reason(start_server: StartServer) -> None:
    client = start_server(max_frames=2)
    result = bench(client.base_url, "--size", "16x16", "--batch", 1, "--batch", 3)
    assert result.exit_code == 0, result.output
    assert "| 16x16 | 3 | refused |" in result.output
    assert "answers 413" in result.output


def test_nothing_answered_is_a_failure(exported: Exported) -> None:
    result = bench("--model", exported[1], "--size", "15x16")
    assert result.exit_code == 1
    assert "sides must be multiples of 2" in result.output
    assert "every case was refused" in result.output


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("http://127.0.0.1:9",), 1, "http://127.0.0.1:9 does not answer"),
        (("--model", "nowhere.onnx"), 1, "no model file nowhere.onnx"),
        (("model.onnx",), 2, "use --model for a model file"),
        (("http://127.0.0.1:9", "--model", "m.onnx"), 2, "either URL or --model"),
        (("--size", "640"), 2, "'640' is no size"),
        (("--size", "0x64"), 2, "'0x64' is no size"),
    ],
)
def test_what_is_wrong_is_named(options: tuple[str, ...], code: int, words: str) -> None:
    result = bench(*options)
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_a_server_that_is_no_service_of_ours_is_shown_as_it_answers(client: httpx.Client) -> None:
    result = bench(f"{client.base_url}/elsewhere", "--size", "16x16")
    assert result.exit_code == 1
    assert "answers 404" in result.output


def test_without_onnx_the_times_are_there_and_the_floor_says_what_it_needs(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = bench("--model", exported[1], "--size", "16x16")
    assert result.exit_code == 0, result.output
    assert f"no floor: it needs onnx: {how_to_install('train')}" in result.output


def small_graph() -> onnx.ModelProto:
    """A convolution of 1 to 4 channels, batch norm, a shortcut and ReLU; then the greatest of each channel."""
    value = helper.make_tensor_value_info
    norm = [helper.make_tensor(f"n{index}", TensorProto.FLOAT, [4], [1.0] * 4) for index in range(4)]
    kernel = helper.make_tensor("k", TensorProto.FLOAT, [4, 1, 3, 3], [0.1] * 36)
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3])
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("BatchNormalization", ["c", "n0", "n1", "n2", "n3"], ["b"]),
        helper.make_node("Add", ["b", "x"], ["a"]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("ReduceMax", ["r", "axes"], ["y"], keepdims=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [value("y", TensorProto.FLOAT, ["N", 4, 1, 1])],
        [kernel, axes, *norm],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def test_a_fused_group_reads_its_inputs_and_writes_its_outputs_once() -> None:
    conv, peak = count_work(small_graph(), batch=2, height=8, width=10)
    pixels = 2 * 8 * 10
    assert conv.bytes == 4 * (pixels + 36 + 4 * pixels)  # frames, kernel, result
    assert conv.operations == 4 * pixels * (2 * 9 + 1 + 1)  # convolution, sum, ReLU
    assert peak == Work(bytes=4 * (4 * pixels + 8), operations=4 * pixels)


def test_a_group_takes_the_longer_of_moving_and_computing() -> None:
    ceilings = Ceilings(bytes_per_second=100, operations_per_second=1000, how="by hand")
    assert least_seconds([Work(100, 10), Work(1, 2000)], ceilings) == pytest.approx(1 + 2)


def test_a_frame_of_the_model_that_ships_moves_some_hundreds_of_megabytes(model_file: Path) -> None:
    groups = count_work(onnx.load(model_file), 1, 256, 256)
    assert 200e6 < sum(group.bytes for group in groups) < 350e6
    assert 3e9 < sum(group.operations for group in groups) < 6e9
