"""Several runs side by side end as each would alone."""

import csv
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from model.commands.train import train_command
from model.commands.train_many import train_many_command
from model.network.checkpoint import TrainingRecord, load_checkpoint, save_checkpoint
from model.training.trainer import Trainer
from tests.support.scenes import write_scenes

RECIPE = """
name = "small"
description = "for tests"
datasets = ["scenes"]
[network]
widths = [8, 16]
units = [1, 1]
passes = 1
[optimisation]
steps = 4
batch = 2
crop = 32
"""


def many(folder: Path, *runs: str, **options: str) -> Result:
    arguments = [run.replace("small", str(folder / "small.toml")) for run in runs]
    extra = [word for name, value in options.items() for word in (f"--{name}", value)]
    where = ["--data", str(folder), "--out", str(folder / "many"), "--device", "cpu"]
    return CliRunner().invoke(train_many_command, [*arguments, *where, *extra])


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path / "weights.safetensors").network.state_dict()


def test_runs_side_by_side_end_as_each_would_alone(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE)
    stopped = many(tmp_path, "small:0", "small:1", minutes="0")
    assert stopped.exit_code == 0, stopped.output
    result = many(tmp_path, "small:0", "small:1")
    assert result.exit_code == 0, result.output
    assert "small-1: step 4/4" in result.output
    alone = [str(tmp_path / "small.toml"), "--data", str(tmp_path), "--out", str(tmp_path / "one"), "--seed", "1"]
    assert CliRunner().invoke(train_command, [*alone, "--device", "cpu"]).exit_code == 0
    first, second, reference = (weights(tmp_path / name) for name in ("many/small-0", "many/small-1", "one"))
    assert all(torch.equal(second[key], reference[key]) for key in reference)
    assert any(not torch.equal(first[key], second[key]) for key in first)


def test_every_run_has_a_log_a_curve_and_its_best_weights(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=8)
    held_out = RECIPE.replace("[network]", 'held_out = ["scene_0002"]\n[network]', 1)
    (tmp_path / "small.toml").write_text(held_out)
    arguments = {"score-every": "2"}
    stopped = many(tmp_path, "small:0", "small:1", minutes="0", **arguments)
    assert stopped.exit_code == 0, stopped.output
    result = many(tmp_path, "small:0", "small:1", **arguments)
    assert result.exit_code == 0, result.output
    for name in ("small-0", "small-1"):
        assert f"{name}: step 2: held-out IoU" in result.output
        folder = tmp_path / "many" / name
        with (folder / "log.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["step"] for row in rows] == ["2", "4"]
        assert all(row["pd"] for row in rows)
        assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_without_held_out_frames_nothing_is_scored(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE)
    result = many(tmp_path, "small:0", **{"score-every": "2"})
    assert result.exit_code == 1
    assert "holds no frame out of training" in result.output


def test_runs_that_are_told_to_end_leave_their_states(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE.replace("steps = 4", "steps = 1000000"))
    code = "from model.commands.train_many import train_many_command as run; run()"
    where = ["--data", str(tmp_path), "--out", str(tmp_path / "many"), "--device", "cpu"]
    command = [sys.executable, "-u", "-c", code, f"{tmp_path}/small.toml:0", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        assert "training on cpu" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert (tmp_path / "many" / "small-0" / "state.safetensors").is_file()


def test_a_run_that_cannot_go_on_takes_no_other_with_it(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE)
    wild = RECIPE.replace('"small"', '"wild"') + "peak_learning_rate = 1e38\n"
    (tmp_path / "wild.toml").write_text(wild)
    result = many(tmp_path, "small:0", f"{tmp_path / 'wild.toml'}:0")
    assert result.exit_code == 1
    assert "Error: wild-0: loss is" in result.output
    assert load_checkpoint(tmp_path / "many" / "small-0" / "weights.safetensors").record.steps == 4


def test_a_run_that_cannot_be_written_takes_no_other_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE)

    def write(path: Path, weights: Mapping[str, torch.Tensor], record: TrainingRecord) -> None:
        if path.parent.name == "small-0" and record.steps > 0:
            raise PermissionError("no more")
        save_checkpoint(path, weights, record)

    monkeypatch.setattr("model.training.trainer.save_checkpoint", write)
    result = many(tmp_path, "small:0", "small:1")
    assert result.exit_code == 1
    assert "Error: small-0: cannot write the checkpoint: no more" in result.output
    assert load_checkpoint(tmp_path / "many" / "small-1" / "weights.safetensors").record.steps == 4


def test_a_folder_of_a_run_that_goes_on_is_tried_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE)
    assert many(tmp_path, "small:0", minutes="0").exit_code == 0

    def refuse(*_: object) -> None:
        raise PermissionError("read only")

    monkeypatch.setattr("model.training.state.write_atomically", refuse)
    monkeypatch.setattr(Trainer, "run", lambda *_: pytest.fail("it trains"))
    result = many(tmp_path, "small:0")
    assert result.exit_code == 1
    assert "cannot write the checkpoint: read only" in result.output


def test_a_folder_that_cannot_be_written_is_named_before_training(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE.replace("steps = 4", "steps = 1000000"))
    (tmp_path / "many").write_text("a file")
    result = many(tmp_path, "small:0")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "many" in result.output


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (("small:x",), "SEED is a whole number"),
        (("small:-1",), "whole number"),
        (("small:99999999999999999999999999",), "whole number up to 2147483647"),
        (("small:\u0664",), "whole number"),
        (("small:0", "small"), "another run"),
    ],
)
def test_a_run_that_cannot_be_told_apart_is_named(tmp_path: Path, runs: tuple[str, ...], words: str) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    (tmp_path / "small.toml").write_text(RECIPE)
    result = many(tmp_path, *runs)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert words in result.output


def test_a_recipe_or_data_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "no recipe 'nowhere'" in many(tmp_path, "nowhere:0").output
    (tmp_path / "small.toml").write_text(RECIPE)
    assert "scenes" in many(tmp_path, "small:0").output
