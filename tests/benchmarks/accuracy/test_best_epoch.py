"""Weights that a run has kept are scored on a test split; the best is named with the split that selected it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.accuracy.best_epoch import main
from tests.export.conftest import SMALL, write_checkpoint
from tests.export.tracing import traced_once
from tests.support.scenes import write_scenes

__all__ = ["traced_once"]  # a fixture
pytestmark = pytest.mark.usefixtures("traced_once")


def test_all_weights_are_scored_and_the_best_is_named(tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", count=2)
    for steps, name in ((10, "weights-000010"), (20, "weights")):
        write_checkpoint(tmp_path / f"{name}.safetensors", SMALL, steps=steps)
    result = CliRunner().invoke(main, [str(tmp_path), "--data", str(tmp_path / "data"), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    rows = [line.split(" | ")[0].strip("| ") for line in result.output.splitlines() if line.startswith("| ")]
    assert rows == ["steps", "---", "10", "20"]
    assert "selected on the test split itself: IoU " in result.output


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", count=2)
    write_checkpoint(tmp_path / "weights.safetensors", SMALL)
    result = CliRunner().invoke(main, [str(tmp_path), "--data", str(tmp_path / "data"), "--device", "cuda"])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "device cuda: " in result.output


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds no weights" in result.output
