"""Weights are scored on held-out frames alone, with the counts of the project's own metrics."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from benchmarks.accuracy.held_out_scores import held_out_scores_command
from model.network.checkpoint import TrainingRecord, build_network, save_checkpoint
from model.recipe import Network
from tests.support.scenes import write_scenes

SHAPE = Network(widths=(8, 16), units=(1, 1), passes=1)
RECIPE = """
name = "general"
description = "for tests"
datasets = ["sea", "land"]
held_out = ["*"]
[optimisation]
steps = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two datasets, and weights whose map is bright everywhere (``all``) or nowhere (``none``)."""
    (tmp_path / "general.toml").write_text(RECIPE)
    write_scenes(tmp_path / "sea", count=4)  # half of each is its training split
    write_scenes(tmp_path / "land", count=84, seed=100)
    for name, bias in (("all", 50.0), ("none", -50.0)):
        network = build_network(SHAPE)
        with torch.no_grad():
            network.head.weight.zero_()
            network.get_parameter("head.bias").fill_(bias)
        save_checkpoint(tmp_path / f"{name}.safetensors", network.state_dict(), TrainingRecord(network=SHAPE))
    return tmp_path


def scores(folder: Path, *options: str) -> Result:
    weights = [str(folder / f"{name}.safetensors") for name in ("all", "none")]
    command = [*weights, "--recipe", str(folder / "general.toml"), "--data", str(folder), *options]
    return CliRunner().invoke(held_out_scores_command, command)


def test_every_weights_have_a_row_for_each_dataset_and_threshold(folder: Path) -> None:
    result = scores(folder, "--threshold", "0.5", "--pool-window", "32")
    assert result.exit_code == 0, result.output
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in result.output.splitlines()[2:]]
    assert [(Path(row[0]).stem, row[1], row[2], row[4]) for row in rows] == [
        ("all", "sea", "2", "0.5"),
        ("all", "land", "11", "0.5"),  # every fourth of 42 frames
        ("none", "sea", "2", "0.5"),
        ("none", "land", "11", "0.5"),
    ]
    assert all(row[5:] == ["0.0", "0.0", "0.00"] for row in rows[2:]), "nothing is found, nothing is false"
    assert all(float(row[6]) < 10 for row in rows[:2]), "the whole frame is one object"


def test_what_cannot_be_scored_is_named(folder: Path) -> None:
    result = scores(folder, "--pool-window", "33")
    assert result.exit_code == 1
    assert "--pool-window 33 is no multiple of 2" in result.output
    (folder / "none.safetensors").unlink()
    assert scores(folder).exit_code == 1
