"""How well curves hold on frames that they were not fitted on."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.accuracy.calibration import HEAD, calibration_command
from benchmarks.accuracy.false_alarms import RATES
from tests.support.markdown import read_table
from tests.support.scenes import write_scenes


def scored(model: Path, data: list[Path], *options: str) -> Result:
    folders = [one for folder in data for one in ("--data", str(folder))]
    return CliRunner().invoke(calibration_command, [str(model), *folders, "--split", "test", *options])


def test_confidences_and_rates_are_scored_on_frames_that_were_not_fitted(model_file: Path, tmp_path: Path) -> None:
    data = [tmp_path / "sea", tmp_path / "land"]
    for seed, folder in enumerate(data):
        write_scenes(folder, count=24, seed=100 * seed)
    ended = scored(model_file, data)
    assert ended.exit_code == 0, ended.output
    rows = read_table(ended.output, *HEAD)
    assert [row["dataset"] for row in rows] == ["sea", "land"]
    assert all(0 < float(row["five-fold log loss"]) < 1 for row in rows)
    assert all(int(row["found"]) > 12 for row in rows)
    rates = read_table(ended.output, "left out", *(f"asked {rate:g} / Mpx" for rate in RATES))
    assert [row["left out"] for row in rates] == ["sea", "land"]
    shutil.copy(data[0] / "train.txt", data[0] / "more.txt")
    more = scored(model_file, data, "--also", "sea/more")
    assert more.exit_code == 0, more.output
    with_more = read_table(more.output, *HEAD)
    assert [row["found"] for row in with_more] == [row["found"] for row in rows]  # they are fitted on, not scored
    assert [row["five-fold log loss"] for row in with_more] != [row["five-fold log loss"] for row in rows]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--also", "sea"], "--also sea: give NAME/SPLIT"),
        (["--also", "nowhere/train"], "NAME is one of sea, land"),
        (["--also", "sea/train", "--also", "sea/more"], "--also names sea twice"),
        (["--also", "sea/test"], "--also sea/test has frames of --split"),
        (["--also", "sea/absent"], "absent"),
    ],
)
def test_wrong_options_are_named(model_file: Path, tmp_path: Path, options: list[str], said: str) -> None:
    data = [tmp_path / "sea", tmp_path / "land"]
    for folder in data:
        write_scenes(folder, count=2)
    ended = scored(model_file, data, *options)
    assert isinstance(ended.exception, SystemExit)
    assert said in ended.output


def test_one_dataset_is_not_enough(model_file: Path, tmp_path: Path) -> None:
    ended = scored(model_file, [tmp_path / "sea"])
    assert ended.exit_code == 2
    assert "give --data at least twice" in ended.output
