"""The scripts behind docs/development/benchmarks.md run, on a network and frames small enough for a test."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.cpu.options import main as cpu_options
from benchmarks.cpu.profile import main as cpu_profile
from benchmarks.cpu.settings import SERVICE


def test_settings_are_compared_with_ours(model_file: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    sizes = ("--size", "16", "16", "1", "--size", "16", "8", "2")
    command = ("--model", str(model_file), *sizes, "--minutes", "0.001", "--json", str(figures))
    result = CliRunner().invoke(cpu_options, command)
    assert result.exit_code == 0, result.output
    found = json.loads(figures.read_text())
    measured, finals = found["measured"], found["finals"]
    assert len(measured) >= 12 + 15
    assert all(one["ms_a_frame"] > 0 and one["speed"] > 0 and one["turns"] >= 5 for one in measured + finals)
    assert [one["setting"] == SERVICE for one in finals] == 2 * [True, False, False, False]
    assert [one["speed"] for one in measured if one["setting"] == SERVICE] == [1.0, 1.0]
    assert "| setting | 16x16 | 16x8, batch 2 |" in result.output
    assert result.output.count("over the service's; ") == 2, "a verdict a shape"


def test_settings_may_be_chosen_by_name(model_file: Path) -> None:
    command = ("--model", str(model_file), "--size", "16", "16", "1", "--minutes", "0.001", "--only", "arena")
    result = CliRunner().invoke(cpu_options, command)
    rows = [line for line in result.output.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {SERVICE}", "| no arena"]


def test_a_profile_shares_the_time_among_operators(model_file: Path) -> None:
    result = CliRunner().invoke(cpu_profile, ["--model", str(model_file), "--size", "32", "32", "--runs", "2"])
    assert result.exit_code == 0, result.output
    rows = [line.strip("| ").split(" | ") for line in result.output.splitlines() if line.startswith("| ")][2:]
    assert ("Conv", "124") in {(operator, nodes) for operator, nodes, _ in rows}
    assert sum(float(share) for *_, share in rows) == pytest.approx(100, abs=1)
