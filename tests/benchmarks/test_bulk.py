"""The benchmark of ``rrcanet bulk``: a run is killed and resumed, and each frame has one row."""

import re
from pathlib import Path

from click.testing import CliRunner

from benchmarks.bulk import main
from tests.support.small_models import write_small_model

FRAMES = 40


def test_rows_are_counted_and_rates_and_cpu_time_are_beside_those_of_the_loop(tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "small.onnx")
    sizes = f"--frames {FRAMES} --height 32 --width 32 --part-frames 4 --loop-frames 5".split()
    result = CliRunner().invoke(main, [str(tmp_path / "work"), *sizes, "--model", str(model)])
    assert result.exit_code == 0, result.output
    assert re.search(r"killed at \d+ rows; after the resumed run 0 rows are missing, 0 are twice", result.output)
    assert len(re.findall(r"^(?:first|resumed|bare).*: [\d.]+ frames a second$", result.output, re.MULTILINE)) == 3
    (loop,) = re.findall(r"CPU of a frame: ([\d.]+) ms in the bare loop", result.output)
    assert float(loop) > 0
