"""``rrcanet bench --plan``: the knee of a real server beside that of the simulated one, and the replicas for a load."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from pathlib import Path

import httpx
import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from benchmarks.scaling.autoscaler import Rule
from benchmarks.scaling.simulation import Step, simulate
from export.bench.capacity.knee import Search, TooSlow, find_knee, replicas_for
from export.bench.capacity.open_loop import Load, poisson
from export.bench.capacity.service import Target
from export.bench.cases import Shape
from export.commands.bench import bench_command
from service.runtime import Runtime
from tests.support.server import StartServer
from tests.support.small_models import write_small_model

RUN_S, DEADLINE_S = 0.05, 0.4
LASTS_S = 2  # a load of the real server
ATTEMPTS = 3  # other programs can only make a server look slower
QUICK = Search(enough=0.9, first=0.45, halvings=2)  # a busy machine makes some requests late


def simulated(service_s: float, pods: int = 1, seconds: int = 300, runs: int = 1) -> Callable[[float], Load]:
    """Loads on simulated servers with queues of their own, which are empty at the beginning of each run."""

    def measure(rate: float) -> Load:
        step, rule = Step(seconds, rate), Rule(fewest=pods, most=pods)
        ran = [second for seed in range(runs) for second in simulate([step], rule, [service_s], 0, seed)]
        latencies = chain.from_iterable(second.latencies for second in ran)
        return Load(rate, tuple(latencies), sum(second.refused for second in ran))

    return measure


def plan(*options: object) -> Result:
    return CliRunner().invoke(bench_command, ["--plan", *(str(option) for option in options)])


@pytest.fixture
def slow(start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> httpx.Client:
    """A server that needs ``RUN_S`` for each frame, one after the other, and hardly any CPU."""
    run = Runtime.probabilities

    def slowly(self: Runtime, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        time.sleep(RUN_S)
        return run(self, intensities)

    client = start_server(models=write_small_model(tmp_path / "a.onnx").parent, max_batch=1)
    monkeypatch.setattr(Runtime, "probabilities", slowly)
    return client


@pytest.fixture
def short_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as ``seconds`` says, however long the deadline is."""
    monkeypatch.setattr("export.bench.capacity.service.DEADLINES", 0)


def test_the_knee_of_a_server_is_that_of_the_simulation(slow: httpx.Client, short_loads: None) -> None:
    target = Target(str(slow.base_url), Shape(32, 32, 1))
    expected, _ = find_knee(simulated(RUN_S, seconds=LASTS_S, runs=100), RUN_S, DEADLINE_S, QUICK)
    measured = 0.0
    for _ in range(ATTEMPTS):
        with suppress(TooSlow):
            knee, loads = find_knee(target.measure(LASTS_S, DEADLINE_S), RUN_S, DEADLINE_S, QUICK)
            assert [load.rate for load in loads] == sorted(load.rate for load in loads)
            measured = max(knee, measured)
        if measured >= 0.6 * expected:
            break
    assert 0.6 * expected <= measured <= 1.5 * expected  # arrivals of two seconds may be lucky


@pytest.mark.parametrize("rate", [10, 90, 400])
def test_so_many_replicas_hold_the_deadline_and_fewer_do_not(rate: float) -> None:
    knee, _ = find_knee(simulated(RUN_S), RUN_S, DEADLINE_S)
    replicas = replicas_for(rate, knee)
    assert simulated(RUN_S, replicas)(rate).in_time(DEADLINE_S) > 0.98
    if replicas > 1:
        assert simulated(RUN_S, replicas - 1)(rate).in_time(DEADLINE_S) < 0.99


def test_the_knee_is_within_some_percent_of_queueing_theory() -> None:
    """Deadline of one and a half services in an M/D/1 queue: a request is late if the queue before it is longer."""
    knee, _ = find_knee(simulated(RUN_S, seconds=2000), RUN_S, 1.5 * RUN_S, Search(enough=0.75))
    load = knee * RUN_S
    # P(wait <= t) = (1 - load) * exp(load * t) for t below a service, in services (Erlang)
    assert (1 - load) * np.exp(load / 2) == pytest.approx(0.75, abs=0.03)


def test_arrivals_are_a_poisson_process() -> None:
    times = list(poisson(50, 200, np.random.default_rng(3)))
    gaps = np.diff(times)
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert times[-1] < 200


def test_the_command_shows_loads_knee_and_replicas(slow: httpx.Client, tmp_path: Path, short_loads: None) -> None:
    file = tmp_path / "plan.json"
    options = ("--size", "32x32", "--seconds", 0.2, "--rate", 1000, "--deadline", 250)
    result = plan(slow.base_url, *options, "--json", file)
    assert result.exit_code == 0, result.output
    found = json.loads(file.read_text())
    assert found["replicas"] == -(-1000 // found["knee"])
    assert f"replicas for 1000 requests/s: {found['replicas']}, " in result.output
    assert len(found["loads"]) == result.stderr.count(" requests/s: ")


def test_a_deadline_that_no_request_meets_is_named(slow: httpx.Client) -> None:
    result = plan(slow.base_url, "--size", "32x32", "--seconds", 0.5, "--rate", 1, "--deadline", 1)
    assert result.exit_code == 1
    assert "0 % are answered within 1 ms" in result.output


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("http://127.0.0.1:9", "--rate", 1), 2, "--plan needs URL, --rate and --deadline"),
        (("--rate", 1, "--deadline", 1), 2, "--plan needs URL"),
        (("http://127.0.0.1:9", "--rate", 1, "--deadline", 1), 1, "http://127.0.0.1:9 does not answer"),
    ],
)
def test_what_is_missing_is_named(options: tuple[object, ...], code: int, words: str) -> None:
    result = plan(*options)
    assert (result.exit_code, words in result.output) == (code, True), result.output
