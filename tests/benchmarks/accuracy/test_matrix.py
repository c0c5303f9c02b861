"""The matrix of training data and test frames, on simulated scenes."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.accuracy.matrix import HEAD, matrix_command
from tests.support.markdown import read_table
from tests.support.scenes import write_scenes


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two datasets; the second has no test split."""
    for seed, name in enumerate(("one", "two")):
        write_scenes(tmp_path / "data" / name, count=8, seed=100 * seed)
    (tmp_path / "data" / "two" / "test.txt").unlink()
    return tmp_path / "data"


def run(data: Path, *options: str, steps: int = 2) -> Result:
    budget = ["--steps", str(steps), "--batch", "2", "--crop", "32", "--device", "cpu"]
    where = ["--data", str(data), "--out", str(data.parent / "out"), "--dataset", "one", "--dataset", "two"]
    return CliRunner().invoke(matrix_command, [*where, *budget, *options])


def test_every_training_is_scored_on_every_dataset_and_done_once(data: Path) -> None:
    result = run(data, "--held-out", "*[02]")
    assert result.exit_code == 0, result.output
    rows = read_table(result.output, *HEAD)
    assert [(row["trained on"], row["tested on"]) for row in rows] == [
        (trained, tested) for trained in ("one", "two", "union") for tested in ("one", "two")
    ]
    held_out = (data.parent / "out" / "two-held-out.txt").read_text().split()
    assert held_out
    assert {row["frames"] for row in rows if row["tested on"] == "two"} == {str(len(held_out))}
    again = run(data, "--held-out", "*[02]")
    assert "training" not in again.output.replace("training on cpu", "")
    assert read_table(again.output, *HEAD) == rows


def test_another_budget_needs_another_folder(data: Path) -> None:
    assert run(data, "--held-out", "*[02]").exit_code == 0
    result = run(data, "--held-out", "*[02]", steps=3)
    assert result.exit_code == 1
    assert "another budget" in result.output


def test_a_dataset_without_any_test_frame_is_named(data: Path) -> None:
    result = run(data, "--held-out", "nothing*")
    assert result.exit_code == 1
    assert "two has no test split, and no frame of its training split matches" in result.output
