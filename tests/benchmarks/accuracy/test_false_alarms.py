"""False alarms asked for and found on other frames."""

from pathlib import Path

from click.testing import CliRunner

from benchmarks.accuracy.false_alarms import RATES, false_alarms_command
from tests.support.markdown import read_table
from tests.support.scenes import write_scenes


def test_fewer_false_alarms_are_found_where_fewer_are_asked_for(model_file: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", count=8)
    ended = CliRunner().invoke(false_alarms_command, [str(model_file), "--data", str(tmp_path / "scenes")])
    assert ended.exit_code == 0, ended.output
    rows = read_table(ended.output, "asked / Mpx", "lowest confidence", "found / Mpx", "Pd %")
    assert [float(row["asked / Mpx"]) for row in rows] == list(RATES)
    lowest, found, pd = ([float(row[name]) for row in rows] for name in ("lowest confidence", "found / Mpx", "Pd %"))
    assert lowest == sorted(lowest, reverse=True)
    assert found == sorted(found)
    assert pd == sorted(pd)
    assert pd[-1] > 50
