"""The spread of scores over draws of the frames."""

from pathlib import Path

from click.testing import CliRunner

from benchmarks.accuracy.spread import spread, spread_command
from model.scoring.metrics import Counts
from tests.support.markdown import read_table
from tests.support.scenes import write_scenes

COLUMNS = ("score", "all frames", "95 % of the draws")


def limits(cell: str) -> tuple[float, float]:
    low, high = map(float, cell.split(" to "))
    return low, high


def test_frames_that_differ_give_a_wide_interval_around_the_score() -> None:
    good = Counts(frames=1, pixels=100, intersection=90, union=100, targets=1, detected=1)
    poor = Counts(frames=1, pixels=100, intersection=10, union=100, targets=1)
    even, uneven = (
        {row["score"]: row for row in read_table(spread(frames, 200).markdown(), *COLUMNS)}
        for frames in ([good] * 40, [good, poor] * 20)
    )
    assert limits(even["IoU %"][COLUMNS[2]]) == (90.0, 90.0)
    low, high = limits(uneven["IoU %"][COLUMNS[2]])
    # the standard deviation of a frame is 40 points: two standard errors are 2 * 40 / sqrt(40) = 12.6
    assert 33 < low < 43
    assert 57 < high < 67
    assert float(uneven["Pd %"][COLUMNS[1]]) == 50


def test_a_model_file_is_scored(model_file: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=4)
    result = CliRunner().invoke(spread_command, [str(model_file), "--data", str(tmp_path / "scenes")])
    assert result.exit_code == 0, result.output
    for row in read_table(result.stdout, *COLUMNS):
        low, high = limits(row[COLUMNS[2]])
        assert low <= float(row[COLUMNS[1]]) <= high


def test_a_missing_dataset_is_named(model_file: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(spread_command, [str(model_file), "--data", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "none" in result.output
