"""Latency and throughput of several cases, measured in turns so that a slow minute hits all alike."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from export.bench.cases import Case

WARM_UP: Final = 2  # calls: memory is taken, kernels are chosen, graphs are captured


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each case is timed, in how many turns, by how many clients at once."""

    seconds: float = 6.0
    turns: int = 3
    clients: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one case: latencies of its calls, and the median over its turns of what it answered each second."""

    frames_per_second: float
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    calls: int


def warm_up(case: Case) -> None:
    """Run a case until it is as fast as it stays.

    Raises:
        Refused, Unreachable: it cannot be timed.
    """
    with case.start() as call:
        for _ in range(WARM_UP):
            call()


def measure(cases: Sequence[Case], plan: Plan) -> list[Timing]:
    """Time every case in turn, ``plan.turns`` times around.

    Raises:
        Refused, Unreachable: a case answered during warm-up but not now.
    """
    with ThreadPoolExecutor(plan.clients) as pool:
        rounds = [[_turn(case, plan, pool) for case in cases] for _ in range(plan.turns)]
    return [_summary(case, [turns[index] for turns in rounds]) for index, case in enumerate(cases)]


@dataclass(frozen=True, slots=True)
class _Turn:
    seconds: float
    latencies: tuple[float, ...]


def _turn(case: Case, plan: Plan, pool: ThreadPoolExecutor) -> _Turn:
    began = time.perf_counter()
    until = began + plan.seconds / plan.turns
    clients = [pool.submit(_repeat, case, until) for _ in range(plan.clients)]
    latencies = tuple(latency for client in clients for latency in client.result())
    return _Turn(time.perf_counter() - began, latencies)


def _repeat(case: Case, until: float) -> list[float]:
    """Latencies of one client's calls one after the other, at least one."""
    latencies: list[float] = []
    with case.start() as call:
        while not latencies or time.perf_counter() < until:
            began = time.perf_counter()
            call()
            latencies.append(time.perf_counter() - began)
    return latencies


def _summary(case: Case, turns: list[_Turn]) -> Timing:
    latencies = [latency for turn in turns for latency in turn.latencies]
    p50, p99 = np.quantile(latencies, (0.5, 0.99))
    rate = statistics.median(len(turn.latencies) / turn.seconds for turn in turns)
    return Timing(
        frames_per_second=rate * case.shape.batch,
        calls_per_second=rate,
        p50_ms=1e3 * float(p50),
        p99_ms=1e3 * float(p99),
        calls=len(latencies),
    )
