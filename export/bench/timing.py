"""Measures latency and throughput of several cases in turns, so that a slow minute affects all cases equally."""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from types import TracebackType
from typing import Final, Self, TypeVar

import numpy as np

from export.bench.cases import Case

T = TypeVar("T")
WARM_UP: Final = 4  # calls of each client before timing: they choose kernels, capture graphs or have networks compiled


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each case is timed, in how many turns, and by how many clients at the same time."""

    seconds: float = 6.0
    turns: int = 3
    clients: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """Timing of one case: quantiles over all its calls, and rates as the median over its turns."""

    frames_per_second: float
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    calls: int


class Clients:
    """Threads that call at the same time.

    A case must be warmed up and timed by the same threads, since ONNX Runtime captures its CUDA graphs per thread.
    """

    def __init__(self, number: int = 1) -> None:
        self._number, self._together = number, Barrier(number)
        self._pool = ThreadPoolExecutor(number, "client")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def each(self, work: Callable[[], T]) -> list[T]:
        """Run ``work`` once on every thread and return the results."""

        def turn() -> T:
            self._together.wait()  # otherwise a quick thread could run twice and another one not at all
            return work()

        turns = [self._pool.submit(turn) for _ in range(self._number)]
        return [turn.result() for turn in turns]


def warm_up(case: Case, clients: Clients) -> None:
    """Run a case on every client until it has reached its normal speed.

    Raises:
        Refused, Unreachable: the case cannot be timed.
    """
    clients.each(partial(_warm_up, case))


def measure(cases: Sequence[Case], plan: Plan, clients: Clients) -> list[Timing]:
    """Time all cases one after the other, ``plan.turns`` times, with the clients that have warmed them up.

    Raises:
        Refused, Unreachable: a case that succeeded during warm-up fails now.
    """
    rounds = [[_turn(case, plan, clients) for case in cases] for _ in range(plan.turns)]
    return [_summary(case, [turns[index] for turns in rounds]) for index, case in enumerate(cases)]


def _warm_up(case: Case) -> None:
    with case.start() as call:
        for _ in range(WARM_UP):
            call()


@dataclass(frozen=True, slots=True)
class _Turn:
    seconds: float
    latencies: tuple[float, ...]


def _turn(case: Case, plan: Plan, clients: Clients) -> _Turn:
    began = time.perf_counter()
    until = began + plan.seconds / plan.turns
    found = clients.each(partial(_repeat, case, until))
    return _Turn(time.perf_counter() - began, tuple(latency for latencies in found for latency in latencies))


def _repeat(case: Case, until: float) -> list[float]:
    """Latencies of one client's successive calls, in seconds; at least one."""
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
