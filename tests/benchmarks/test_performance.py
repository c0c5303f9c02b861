"""The scripts behind docs/performance.md run, on a network and frames small enough for a test."""

import json
from pathlib import Path

from click.testing import CliRunner

from benchmarks.cpu_options import OURS, compare, markdown, onnx_runtime_settings
from benchmarks.gpu.performance import main
from export.bench.cases import Shape
from tests.export.conftest import SMALL, export, write_checkpoint


def test_settings_are_compared_with_ours(model_file: Path) -> None:
    measured = list(compare(onnx_runtime_settings(model_file), Shape(16, 16, 2), turns=2))
    assert (measured[0].setting, measured[0].speed) == (OURS, 1.0)
    assert len(measured) > 8
    assert all(one.ms_a_frame > 0 and one.speed > 0 for one in measured)
    assert "| 16x16 | 2 | 1 thread |" in markdown(measured)


def test_every_way_to_run_the_network_is_timed_beside_the_floor(tmp_path: Path) -> None:
    checkpoint, file, figures = tmp_path / "w.safetensors", tmp_path / "m.onnx", tmp_path / "figures.json"
    assert export(write_checkpoint(checkpoint, SMALL), file).exit_code == 0
    shape = ("--size", "16x32", "--batch", "2", "--seconds", "0.1", "--device", "cpu")
    command = ("--fp32", str(file), "--checkpoint", str(checkpoint), *shape, "--json", str(figures))
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    speeds = json.loads(figures.read_text())["speeds"]
    assert [one["how"] for one in speeds] == [
        "PyTorch eager, as the authors run it",
        "ONNX Runtime as it comes",
        "ours",
    ]
    assert all(one["timing"]["frames_per_second"] > 0 and not one["fault"] for one in speeds)
    assert result.output.count("| 16x32 | 2 | fp32 |") == 3
