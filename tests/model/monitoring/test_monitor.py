"""A run is logged, scored on held-out frames while it trains, and its best weights are kept."""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from model.commands.train import train_command
from model.data.dataset import FrameFolder
from model.monitoring.held_out import score_checkpoint
from model.monitoring.log import COLUMNS, LOG_FILE, RunLog
from model.monitoring.monitor import BEST_FILE
from model.network.checkpoint import load_checkpoint
from model.training.trainer import WEIGHTS_FILE
from tests.support.scenes import write_scenes

RECIPE = """
name = "small"
description = "a test"
datasets = ["scenes"]
HELD_OUT
[network]
widths = [8, 16]
units = [1, 1]
passes = 1
[optimisation]
steps = 6
batch = 2
crop = 32
"""
HELD_OUT = 'held_out = ["scene_0002"]'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "scenes", count=8)
    return tmp_path


def train(data: Path, *options: str, held_out: str = HELD_OUT, out: str = "out") -> Result:
    (data / "small.toml").write_text(RECIPE.replace("HELD_OUT", held_out))
    arguments = [str(data / "small.toml"), "--data", str(data), "--out", str(data / out), "--device", "cpu"]
    return CliRunner().invoke(train_command, [*arguments, "--threads", "1", *options])


def rows(out: Path) -> list[dict[str, str]]:
    with (out / LOG_FILE).open(newline="") as file:
        return list(csv.DictReader(file))


def scored(out: Path) -> list[dict[str, str]]:
    return [row for row in rows(out) if row["iou"]]


def test_a_run_is_scored_on_its_held_out_frames(data: Path) -> None:
    name = sorted(FrameFolder(data / "scenes", "train").names)[0]
    result = train(data, "--score-every", "2", held_out=f'held_out = ["{name}"]')
    assert result.exit_code == 0, result.output
    assert result.output.count("held-out IoU") == 3
    assert "the best so far" in result.output
    out = data / "out"
    assert [row["step"] for row in scored(out)] == ["2", "4", "6"]
    assert all(float(row["loss"]) > 0 for row in rows(out))
    best = max(scored(out), key=lambda row: float(row["iou"]))
    sample = FrameFolder(data / "scenes", "train").load(name)
    for file, step in ((BEST_FILE, best["step"]), (WEIGHTS_FILE, "6")):
        assert load_checkpoint(out / file).record.steps == int(step)
        scores = score_checkpoint(out / file, [sample], torch.device("cpu"))
        (row,) = (one for one in scored(out) if one["step"] == step)
        assert float(row["iou"]) == pytest.approx(scores.iou, rel=1e-4)
        assert float(row["false_objects_per_megapixel"]) == pytest.approx(scores.false_objects_per_megapixel, rel=1e-4)
    with Image.open(out / "curve.png") as picture:
        assert picture.size == (800, 450)


def test_scoring_changes_no_weight(data: Path) -> None:
    name = FrameFolder(data / "scenes", "train").names[0]
    pattern = f'held_out = ["{name}"]'
    assert train(data, "--score-every", "1", held_out=pattern, out="scored").exit_code == 0
    assert train(data, held_out=pattern, out="plain").exit_code == 0
    one, other = (load_checkpoint(data / out / WEIGHTS_FILE).network.state_dict() for out in ("scored", "plain"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert rows(data / "plain")[-1]["iou"] == ""
    assert not (data / "plain" / BEST_FILE).exists()


def test_a_resumed_run_goes_on_with_its_log_and_its_best(data: Path) -> None:
    name = FrameFolder(data / "scenes", "train").names[0]
    pattern = f'held_out = ["{name}"]'
    assert train(data, "--score-every", "3", held_out=pattern).exit_code == 0
    out = data / "out"
    lines = (out / LOG_FILE).read_text().splitlines()
    best = lines[1].split(",")
    best[COLUMNS.index("iou")] = "0.999"
    (out / LOG_FILE).write_text("\n".join([lines[0], ",".join(best), lines[2], "9,1,1,,,,", "12,0."]) + "\n")
    (out / BEST_FILE).write_bytes(b"kept")
    result = train(data, "--score-every", "3", "--resume", held_out=pattern)
    assert result.exit_code == 0, result.output
    assert [row["step"] for row in rows(out)] == ["3", "6"]  # what followed the state was dropped
    assert (out / BEST_FILE).read_bytes() == b"kept"


def test_a_recipe_without_held_out_frames_cannot_be_scored(data: Path) -> None:
    result = train(data, "--score-every", "2", held_out="")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "recipe small holds no frame out of training, so there is nothing to score" in result.output
    assert not (data / "out").exists()


def test_events_are_written_for_tensorboard(data: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    name = FrameFolder(data / "scenes", "train").names[0]
    result = train(data, "--score-every", "3", "--tensorboard", held_out=f'held_out = ["{name}"]')
    assert result.exit_code == 0, result.output
    (file,) = (data / "out" / "tensorboard").iterdir()
    content, found = file.read_bytes(), dict[tuple[str, int], float]()
    while content:  # records: length, its checksum, an event, its checksum
        length = int.from_bytes(content[:8], "little")
        payload, content = content[12 : 12 + length], content[16 + length :]
        event: Any = Event.FromString(payload)
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    for row in scored(data / "out"):
        assert found["held-out/iou", int(row["step"])] == pytest.approx(float(row["iou"]), rel=1e-4)
        assert found["loss", int(row["step"])] == pytest.approx(float(row["loss"]), rel=1e-4)


def test_a_missing_library_of_events_is_named(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    result = train(data, "--tensorboard", held_out="")
    assert result.exit_code == 1
    assert "--tensorboard needs tensorboardX: install the extra train" in result.output


def test_a_log_that_cannot_be_written_ends_the_run_with_its_name(data: Path) -> None:
    (data / "out" / LOG_FILE).mkdir(parents=True)
    result = train(data, held_out="")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "log.csv" in result.output


def test_an_empty_cell_is_no_number(tmp_path: Path) -> None:
    (tmp_path / LOG_FILE).write_text(",".join(COLUMNS) + "\n50,0.5,0.001,,,,\n")
    (row,) = RunLog(tmp_path, first=50).rows
    assert (row.step, row.loss) == (50, 0.5)
    assert json.dumps(row.iou) == "NaN"
