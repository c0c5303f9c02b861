"""The cost of growth: the fit, the tables, and the command on a real server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.figures.page import read_figures
from benchmarks.growth.axes import AXES
from benchmarks.growth.command import NAME, main, report
from benchmarks.growth.measure import Cost
from benchmarks.growth.report import costs, exponents, render
from benchmarks.growth.results import Growth, read_growths
from benchmarks.growth.slope import last_slope, slope
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "development" / "growth.md"
RESULTS = ROOT / "benchmarks" / "results" / "growth.json"


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_the_slope_is_the_exponent(exponent: float) -> None:
    steps = [1, 4, 16, 64]
    assert slope(steps, [3 * step**exponent for step in steps]) == pytest.approx(exponent, abs=1e-9)


def test_the_last_steps_show_growth_that_a_fixed_cost_hides() -> None:
    steps = [1, 10, 100, 1000, 10_000]
    quadratic = [1000 + step**2 / 1000 for step in steps]
    assert slope(steps, quadratic) < 1
    assert last_slope(steps, quadratic) > 1.5


def test_figures_are_medians_over_the_rounds() -> None:
    rounds = [[Cost(cpu, 2 * cpu, 100), Cost(10 * cpu, 20 * cpu, 100)] for cpu in (5.0, 1.0, 9.0)]
    growth = Growth([1, 10], rounds)
    assert costs(AXES[1], growth).rows == (("1", "5", "10", "100"), ("10", "50", "100", "100"))
    assert exponents({"targets": growth}).rows == (
        ("targets", "1.00, at the end 1.00", "1.00, at the end 1.00", "0.00, at the end 0.00"),
    )


def test_the_command_measures_a_server_and_its_figures_become_a_page_with_pictures(tmp_path: Path) -> None:
    figures, page = tmp_path / "growth.json", tmp_path / "growth.md"
    page.write_text(PAGE.read_text())
    only = ["--only", "connections", "--steps", "2", "--rounds", "1", "--seconds", "0.05"]
    ran = CliRunner().invoke(main, [*only, "--json", str(figures)], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    written = json.loads(figures.read_text())["axes"]["connections"]
    assert written["steps"] == [1, 4]
    (costs_of_steps,) = written["rounds"]
    assert all(cost["cpu_ms"] > 0 and cost["wall_ms"] > 0 and cost["peak_mb"] > 50 for cost in costs_of_steps)
    report(figures, page, tmp_path)
    assert read_figures(page, NAME) == render(*read_growths(figures), ".")
    assert page.read_text().partition("## Figures")[0] == PAGE.read_text().partition("## Figures")[0]
    assert [file.name for file in tmp_path.glob("*.svg")] == ["growth-connections.svg"]
    assert "| connections | " in ran.output


@pytest.mark.parametrize("given", [[], ["--json", "a.json", "--only", "models"], ["--json", "a.json", "--steps", "1"]])
def test_a_page_is_not_written_with_a_part_of_the_figures(given: list[str], tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, [*given, "--page", str(tmp_path / "growth.md")])
    assert ran.exit_code == 2
    assert "--page needs --json, and every axis with all its steps" in ran.output


def test_the_figures_of_the_page_are_those_of_the_results() -> None:
    assert read_figures(PAGE, NAME) == render(*read_growths(RESULTS), "../images")
