"""``rrcanet calibrate --threshold``: the decision threshold of an existing file."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from export.commands.calibrate import calibrate_command
from export.onnx.card import read_model
from model.scoring.threshold import CANDIDATES, RULE
from service.runtime import Device, Runtime
from tests.export.evaluation.scored import evaluate, row
from tests.support.markdown import read_table
from tests.support.scenes import write_scenes


@pytest.fixture
def model(model_file: Path, tmp_path: Path) -> Path:
    """May be written."""
    return Path(shutil.copy(model_file, tmp_path / "m.onnx"))


def calibrate(model: Path, data: Path, *options: str) -> Result:
    return CliRunner().invoke(calibrate_command, [str(model), "--data", str(data), *options])


def test_the_threshold_with_the_highest_iou_is_stored_with_its_rule(model: Path, scenes: Path) -> None:
    result = calibrate(model, scenes, "--threshold", "auto")
    assert result.exit_code == 0, result.output
    trials = read_table(result.stdout, "threshold", "IoU %", "Pd %", "false objects", "allowed")
    assert [float(trial["threshold"]) for trial in trials] == list(CANDIDATES)
    allowed = [trial for trial in trials if trial["allowed"] == "yes"]
    best = max(allowed, key=lambda trial: float(trial["IoU %"]))
    card = read_model(model)[1]
    assert float(best["IoU %"]) == pytest.approx(
        next(float(one["IoU %"]) for one in trials if float(one["threshold"]) == card.threshold)
    )
    assert card.threshold_rule == f"{RULE}: scenes train"
    assert card.calibration.fitted_on.startswith("scenes train: ")
    scores = row(evaluate(model, scenes, "--split", "train"))
    assert scores["IoU %"] == best["IoU %"], "the stored threshold gives what the table says"


def test_a_number_is_stored_as_set_by_hand_and_the_curve_is_fitted_there(model: Path, scenes: Path) -> None:
    assert calibrate(model, scenes, "--threshold", "auto").exit_code == 0
    result = calibrate(model, scenes, "--threshold", "0.25")
    assert result.exit_code == 0, result.output
    assert "threshold 0.25" in result.output
    assert "set by hand" in result.output
    card = read_model(model)[1]
    assert (card.threshold, card.threshold_rule) == (0.25, None)
    high = calibrate(model, scenes, "--threshold", "0.9995")
    assert high.exit_code == 0, high.output
    assert read_model(model)[1].calibration.scores != card.calibration.scores, "fewer targets are found there"


def test_without_the_option_the_threshold_and_its_rule_stay(model: Path, scenes: Path) -> None:
    assert calibrate(model, scenes, "--threshold", "auto").exit_code == 0
    before = read_model(model)[1]
    assert calibrate(model, scenes).exit_code == 0
    after = read_model(model)[1]
    assert (after.threshold, after.threshold_rule) == (before.threshold, before.threshold_rule)


def test_scores_of_another_threshold_leave_the_card(model: Path, scenes: Path) -> None:
    assert evaluate(model, scenes, "--record").exit_code == 0
    before = read_model(model)[1].threshold
    assert calibrate(model, scenes, "--threshold", str(before)).exit_code == 0
    assert read_model(model)[1].measurements, "the threshold is the same"
    assert calibrate(model, scenes, "--threshold", str(before / 2)).exit_code == 0
    assert read_model(model)[1].measurements == ()


def test_a_file_with_a_chosen_threshold_is_served(model: Path, scenes: Path) -> None:
    assert calibrate(model, scenes, "--threshold", "auto").exit_code == 0
    runtime = Runtime(model, Device.CPU)
    runtime.check_golden()
    assert runtime.card.threshold_rule is not None


@pytest.mark.parametrize("value", ["best", "1.5", "nan", ""])
def test_what_is_no_threshold_is_named(model: Path, scenes: Path, value: str) -> None:
    result = calibrate(model, scenes, "--threshold", value)
    assert result.exit_code == 2
    assert "is neither auto nor a number from 0 to 1" in result.output


def test_frames_without_targets_choose_no_threshold(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "empty"
    write_scenes(data, count=2)
    for mask in (data / "masks").iterdir():
        Image.fromarray(np.zeros_like(np.asarray(Image.open(mask)))).save(mask)
    before = model.read_bytes()
    result = calibrate(model, data, "--threshold", "auto")
    assert result.exit_code == 1
    assert "the frames have no target" in result.output
    assert model.read_bytes() == before
