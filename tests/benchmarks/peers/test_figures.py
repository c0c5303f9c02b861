"""The comparison with other servers: schedules, what counts as goodput, tables, the page."""

from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from benchmarks import environments
from benchmarks.cpu.libraries import Library
from benchmarks.environments import NoEnvironment, install, packages_of, versions
from benchmarks.figures.page import read_figures, write_figures
from benchmarks.peers import bench
from benchmarks.peers.contenders import contenders
from benchmarks.peers.generate import UNANSWERED, arrivals
from benchmarks.peers.loads import INPUTS, Load
from benchmarks.peers.measure import BOUND, LOOP
from benchmarks.peers.report.page import COMMAND, NO_FIGURES, render
from benchmarks.peers.report.tables import summary
from benchmarks.peers.runs import Results, Run, Start, figures, load_results
from benchmarks.peers.session import is_same
from benchmarks.serving.clients.arrivals import Outcome
from benchmarks.serving.clients.requests import LIVEZ
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "development" / "peers.md"
RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
KIND = INPUTS[0].name


def outcomes(*pairs: tuple[float, float, str]) -> list[Outcome]:
    return [Outcome(LIVEZ, due, due, due + took, result, None) for due, took, result in pairs]


def run(contender: str, load: str, answers: float = 5.0, number: int = 0, disturbed: bool = False) -> Run:
    return Run(number, contender, KIND, load, answers=answers, within_500_ms=answers / 2, disturbed=disturbed)


def results(*runs: Run) -> Results:
    about = {
        "date": "2026-12-01",
        "machine": {
            "cpu": "a CPU",
            "cores": 2,
            "memory_gb": 8,
            "python": "3.11",
            "model": {"name": "rrcanet", "version": "1", "sha256": "0" * 64},
        },
        "options": {"rounds": 3, "large_rounds": 1, "seconds": 2.0, "most_others": 0.05},
        "contenders": ["RRCA-Net Serve", "FastAPI by hand"],
        "versions": {"FastAPI by hand": {"fastapi": "1"}},
    }
    start = Start(0, "RRCA-Net Serve", KIND, 1.5, 140.0, 0.002, 150.0)
    return Results(about, {KIND: 10.0}, {"MLServer": "not installed: no wheel"}, [start], list(runs))


def test_goodput_of_poisson_arrivals_counts_from_when_a_request_was_due() -> None:
    sent = outcomes((0, 0.1, "200"), (1, 0.6, "200"), (1.5, 2.1, "200"), (1.9, 0.01, "429"), (1.9, 0.2, "500"))
    found = figures([*sent, *outcomes((1.9, 2.2, UNANSWERED))], Load(share=3.0), 2.0, cpu_s=0.6)
    assert (found["within_500_ms"], found["within_1_s"], found["within_2_s"]) == (0.5, 1.0, 1.0)
    assert found["answers"] == 1.0
    assert (found["refused"], found["failed"], found["unanswered"], found["sent"]) == (1, 1, 1, 6)
    assert found["cpu_ms"] == pytest.approx(200)
    assert found["p99_ms"] == pytest.approx(2200, rel=0.02)  # what was given up counts with its age


def test_arrivals_are_random_in_time_but_not_in_number() -> None:
    found = [arrivals(10.0, 3.0, [LIVEZ], seed) for seed in range(200)]
    assert {len(times) for times in found} == {30}
    assert all(0 <= at < 3 for times in found for at, _ in times)
    first_second = [sum(at < 1 for at, _ in times) for times in found]
    assert np.mean(first_second) == pytest.approx(10, abs=0.6)
    assert np.var(first_second) == pytest.approx(30 * 1 / 3 * 2 / 3, rel=0.4)  # binomial


def test_a_closed_loop_lasts_until_its_last_answer() -> None:
    found = figures(outcomes((0, 4, "200"), (0, 4, "200")), Load(8), 2.0, cpu_s=1)
    assert found["answers"] == 0.5


def test_a_load_without_answers_has_no_latency() -> None:
    found = figures(outcomes((0, 0.1, "503"), (0, 0.1, "lost")), Load(share=0.5), 2.0, cpu_s=1)
    assert (found["p50_ms"], found["cpu_ms"], found["refused"], found["failed"]) == (None, None, 1, 1)


def test_the_heaviest_load_comes_last_and_every_round_has_another_order() -> None:
    assert all(kind.loads[-1].share == 3.0 for kind in INPUTS)
    orders = [bench.order(contenders(), number) for number in range(4)]
    assert orders[0][0] is None  # Poisson arrivals are shares of the rate of the bare loop
    assert len({tuple(one.name if one else BOUND for one in order) for order in orders}) == 4
    assert all(len(order) == len(contenders()) + 1 for order in orders)


def test_answers_with_other_targets_are_noticed() -> None:
    assert is_same([(1.0, 2.0)], [(1.009, 2.0)])
    assert not is_same([(1.0, 2.0)], [(1.02, 2.0)])
    assert not is_same([(1.0, 2.0)], [(1.0, 2.0), (3.0, 4.0)])


def test_results_are_read_as_they_were_saved(tmp_path: Path) -> None:
    kept = results(run("RRCA-Net Serve", "Poisson 300%"))
    kept.save(tmp_path / "peers.json")
    again = load_results(tmp_path / "peers.json")
    assert again == kept
    assert again.has((0, "RRCA-Net Serve", KIND, "Poisson 300%"))
    assert not again.has((1, "RRCA-Net Serve", KIND, "Poisson 300%"))


def test_the_summary_has_medians_and_marks_disturbed_rounds() -> None:
    eight = [run("RRCA-Net Serve", Load(8).name, answers, number) for number, answers in enumerate((9.0, 1.0, 5.0))]
    peer = run("FastAPI by hand", Load(8).name, 4.0, disturbed=True)
    table = summary(results(*eight, peer, run(BOUND, LOOP, 10.0)))
    assert [row[0] for row in table.rows] == [BOUND, "RRCA-Net Serve", "FastAPI by hand"]
    assert [row[1] for row in table.rows] == ["10", "5", "4*"]
    assert table.rows[1][-4:] == ("140", "150", "0.20", "1.50")
    assert table.rows[0][4:8] == ("8", "10", "10", "10")  # of its rate: 80 %, then all of it


def test_a_page_is_written_between_its_comments(tmp_path: Path) -> None:
    page = tmp_path / "peers.md"
    page.write_text(PAGE.read_text())
    figures = render(results(run("RRCA-Net Serve", Load(8).name)), "../images")
    write_figures(page, COMMAND, figures)
    assert read_figures(page, COMMAND) == figures
    assert "| MLServer | not installed: no wheel |" in figures
    assert "1 of 1 runs" not in figures
    assert page.read_text().partition("## Figures")[0] == PAGE.read_text().partition("## Figures")[0]


def test_the_figures_of_the_page_are_those_of_the_results() -> None:
    expected = render(load_results(RESULTS), "../images") if RESULTS.exists() else NO_FIGURES
    assert read_figures(PAGE, COMMAND) == expected


def test_peers_have_the_packages_of_the_service_that_do_the_work() -> None:
    packages = {one.environment: packages_of(one.environment) for one in contenders() if one.environment}
    assert len(packages) == 6
    assert all(any(line.startswith("onnxruntime==") for line in lines) for lines in packages.values())


def test_versions_are_of_the_packages_that_are_installed() -> None:
    found = versions(Library("", "", (), package="no-such-package"))
    installed = {"numpy", "onnxruntime", "openvino"} & {one.name for one in metadata.distributions()}
    assert found == {name: metadata.version(name) for name in installed}


def test_a_peer_whose_python_is_missing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    absent = replace(contenders()[-1], python="/nowhere/python3")
    with pytest.raises(NoEnvironment, match="/nowhere/python3 is missing"):
        install(absent)
