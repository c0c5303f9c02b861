"""Measurements of the running service: the figures, and that a broken promise is seen."""

import json
import os
from pathlib import Path

import pytest
import uvloop

from benchmarks.serving.clients.arrivals import Outcome, closed_loop, evenly, open_loop, poisson
from benchmarks.serving.clients.http_client import Answer
from benchmarks.serving.clients.requests import LIVEZ, Request, broken, mixed
from benchmarks.serving.measurements import at_load, reloading
from benchmarks.serving.measurements.memory import Memory
from benchmarks.serving.measurements.stopping import Stop
from benchmarks.serving.servers.start import serve
from tests.support.small_models import write_small_model


def outcome(sent: float, took: float, status: int = 200, version: int = 1, retry_after: str = "") -> Outcome:
    body = json.dumps({"model": {"version": str(version)}}).encode()
    return Outcome(LIVEZ, sent, sent, sent + took, str(status), Answer(status, {"retry-after": retry_after}, body))


def lost(sent: float) -> Outcome:
    return Outcome(LIVEZ, sent, sent, sent, "lost", None)


def test_goodput_counts_what_was_answered_while_the_load_lasted() -> None:
    found = at_load.judge([outcome(0, 0.1), outcome(1, 0.3), outcome(1.5, 5)], [outcome(0, 0.01)], 1.2, 2.0, None)
    assert found.goodput == 1.0
    assert found.p50_ms == pytest.approx(300)
    assert found.answers == {"200": 3}
    assert found.broken() == []


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (outcome(0, 0.1, 500), "500"),
        (outcome(0, 0.1, 504), "504"),
        (lost(0), "lost"),
        (outcome(0, 0.1, 429), "Retry-After"),
        (outcome(0, 0.1, 429, retry_after="0"), "Retry-After"),
        (outcome(0, 0.1, 429, retry_after="1.5"), "Retry-After"),
        (outcome(0, 31), "deadline"),
    ],
    ids=["a bug", "a deadline nobody set", "no answer", "no Retry-After", "zero", "a fraction", "too late"],
)
def test_a_promise_that_load_breaks_is_reported(bad: Outcome, expected: str) -> None:
    (fault,) = at_load.judge([outcome(0, 0.1), bad], [outcome(0, 0.01)], 3.0, 1.0, None).broken()
    assert expected in fault


def test_a_process_that_stops_answering_for_health_is_reported() -> None:
    (fault,) = at_load.judge([outcome(0, 0.1)], [lost(0)], 3.0, 1.0, None).broken()
    assert "/livez" in fault


def test_an_old_version_counts_as_stale_only_if_it_was_asked_after_the_new_one_had_answered() -> None:
    overlapping = [outcome(0, 1, version=1), outcome(0.5, 1, version=2), outcome(1.4, 1, version=1)]
    assert reloading.judge(overlapping, [1.0]).broken() == []
    (fault,) = reloading.judge([*overlapping, outcome(1.6, 1, version=1)], [1.0]).broken()
    assert fault == "1 answers of an old version"


def test_a_stop_that_loses_requests_is_reported() -> None:
    whole = {"drain_delay_s": 0.0, "lost_from_s": None, "lost_to_s": None, "ended_after_s": 1.0}
    fine = Stop(before={"200": 3}, after={"503": 2, "refused": 1}, lost=0, early=0, exit_code=0, **whole)  # type: ignore[arg-type]
    assert fine.broken() == []
    bad = Stop(before={"200": 3, "500": 1}, after={"lost": 2}, lost=2, early=1, exit_code=1, **whole)  # type: ignore[arg-type]
    assert len(bad.broken()) == 4


def test_memory_is_compared_between_the_first_sixth_and_the_end() -> None:
    memory = Memory(1800, [(float(second), 100 + second / 300) for second in range(0, 1801, 5)])
    assert memory.early == pytest.approx(101.1)
    assert memory.late == pytest.approx(105.9)


def test_arrivals_are_as_many_as_asked_for_and_alike_for_a_seed() -> None:
    requests = [Request("a", b""), Request("b", b"")]
    arrivals = list(poisson(100, 50, requests, seed=1))
    assert 4700 < len(arrivals) < 5300
    assert 0.4 < sum(request.name == "a" for _, request in arrivals) / len(arrivals) < 0.6
    assert arrivals == list(poisson(100, 50, requests, seed=1))


def test_every_request_of_the_mixture_is_answered_as_expected(tmp_path: Path) -> None:
    write_small_model(tmp_path / "small.onnx")
    requests = [*mixed()[::3], *broken()]  # every size, format and mask, not each with each
    outcomes: list[Outcome] = []
    probes: list[Outcome] = []
    with serve(os.sched_getaffinity(0), models=str(tmp_path)) as served:
        uvloop.run(open_loop(served.address, [(0.0, request) for request in requests], outcomes.append))
        uvloop.run(open_loop(served.address, evenly(20, 0.5, LIVEZ), probes.append))
        assert uvloop.run(closed_loop(served.address, requests[:1], clients=2, seconds=0.5)) > 0
        assert served.errors() == []
    assert len(outcomes) == len(requests)
    for one in outcomes:
        assert one.result in {str(status) for status in one.request.expected}, one.request.name
    assert [one.result for one in probes] == ["200"] * 10
