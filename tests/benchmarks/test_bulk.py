"""The benchmark of ``rrcanet bulk``: a run is killed and resumed, and each frame has one row."""

import re
from pathlib import Path

from click.testing import CliRunner, Result

from benchmarks.bulk import main
from tests.support.small_models import write_small_model

SMALL = ["--height", "32", "--width", "32"]


def measure(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, [str(folder / "work"), "--loop-frames", "5", *options])


def test_a_run_is_killed_and_resumed_and_its_cost_is_beside_that_of_the_loop(tmp_path: Path) -> None:
    frames = 120  # of the model that ships: what is left when half is done takes a second or more
    result = measure(tmp_path, "--frames", str(frames), "--part-frames", "10")
    assert result.exit_code == 0, result.output
    counts = re.search(r"killed at (\d+) rows; after the resumed run 0 rows are missing, 0 are twice", result.output)
    assert counts is not None
    assert 0 < int(counts[1]) < frames
    assert len(re.findall(r"^(?:first|resumed|bare).*: [\d.]+ frames a second$", result.output, re.MULTILINE)) == 3
    costs = re.findall(r"CPU of a frame: ([\d.]+) ms in the (resumed run|bare loop)", result.output)
    assert [where for _, where in costs] == ["resumed run", "bare loop"]
    assert all(float(cost) > 0 for cost, _ in costs)


def test_a_run_that_ends_before_it_is_killed_measures_nothing(tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "small.onnx")
    result = measure(tmp_path, "--frames", "2", *SMALL, "--model", str(model))
    assert result.exit_code == 1
    assert "take more --frames" in result.output
