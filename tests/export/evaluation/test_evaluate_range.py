"""``--range`` of ``rrcanet evaluate`` and ``rrcanet calibrate``: what it does, and where it is told."""

import json
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from export.commands.calibrate import calibrate_command
from export.commands.evaluate import evaluate_command
from export.onnx.card import read_model
from tests.export.evaluation.scored import evaluate, row
from tests.support.scenes import write_scenes


@pytest.fixture
def model(model_file: Path, tmp_path: Path) -> Path:
    """May be written."""
    return Path(shutil.copy(model_file, tmp_path / "m.onnx"))


def test_eight_bit_frames_are_fed_as_stored(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    automatic = row(evaluate(model_file, scenes))
    stored = row(evaluate(model_file, scenes, "--range", "dtype", "--json", str(tmp_path / "scores.json")))
    counts = row(evaluate(model_file, scenes, "--range", "0:255"))
    assert [one.pop("range") for one in (automatic, stored, counts)] == ["auto", "dtype", "0:255"]
    assert stored == counts != automatic
    assert json.loads((tmp_path / "scores.json").read_text())["range"] == "dtype"


@pytest.mark.parametrize("span", ["dtype", "minmax", "-10.5:300"])
def test_a_service_is_asked_for_the_same_range(model_file: Path, scenes: Path, client: httpx.Client, span: str) -> None:
    served = row(evaluate(client.base_url, scenes, "--range", span))
    assert served == row(evaluate(model_file, scenes, "--range", span))
    assert served["range"] == span


def test_the_range_of_an_address_is_refused_for_the_option(scenes: Path) -> None:
    result = evaluate("http://127.0.0.1:9/?range=dtype", scenes)
    assert result.exit_code == 1
    assert "an evaluation sets range itself, so leave it out of the URL (--range)" in result.output


def test_no_other_word_is_a_range(model_file: Path, scenes: Path) -> None:
    for command, first in ((evaluate_command, model_file), (calibrate_command, model_file)):
        result = CliRunner().invoke(command, [str(first), "--data", str(scenes), "--range", "9:1"])
        assert (result.exit_code, "LO:HI with LO below HI" in result.output) == (2, True)


def test_a_frame_that_the_range_means_nothing_for_is_named(model_file: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", count=2)
    frame = tmp_path / "data" / "images" / "scene_0001.png"
    Image.fromarray(np.asarray(Image.open(frame), np.float32)).save(frame.with_suffix(".tif"))
    frame.unlink()
    result = evaluate(model_file, tmp_path / "data", "--range", "dtype")
    assert result.exit_code == 1
    assert "scene_0001: " in result.output
    assert "range=dtype needs integer counts, but this frame is float32" in result.output


def test_what_the_256_grid_resizes_keeps_its_16_bits(model_file: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "data", count=2, bits=16)
    for grid in ("native", "256"):
        result = evaluate(model_file, tmp_path / "data", "--range", "dtype", "--grid", grid)
        assert result.exit_code == 0, result.output


def test_the_report_tells_the_range(model_file: Path, scenes: Path, tmp_path: Path) -> None:
    assert evaluate(model_file, scenes, "--range", "minmax", "--report", str(tmp_path), "--worst", "0").exit_code == 0
    assert "| range | minmax: " in (tmp_path / "report.md").read_text()


def test_a_card_keeps_what_was_measured_with_another_range_apart(model: Path, scenes: Path) -> None:
    for span in ("auto", "dtype", "auto", "dtype"):
        assert evaluate(model, scenes, "--range", span, "--record").exit_code == 0
    automatic, stored = (one for one in read_model(model)[1].measurements if one.dataset == "scenes")
    assert (automatic.range, stored.range) == ("auto", "dtype")
    assert automatic.iou != stored.iou


def test_a_curve_that_was_fitted_with_another_range_says_so(model: Path, scenes: Path) -> None:
    def calibrate(*options: str) -> Result:
        result = CliRunner().invoke(calibrate_command, [str(model), "--data", str(scenes), *options])
        assert result.exit_code == 0, result.output
        return result

    assert "range" not in calibrate().stderr
    automatic = read_model(model)[1].calibration
    result = calibrate("--range", "dtype")
    stored = read_model(model)[1].calibration
    assert stored.fitted_on.startswith("scenes train with range=dtype: ")
    assert "fitted on scenes train with range=dtype: " in result.stdout
    assert "the confidences are valid for requests with range=dtype" in result.stderr
    assert automatic.fitted_on.startswith("scenes train: ")
    assert automatic.scores != stored.scores
