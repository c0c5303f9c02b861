"""Calls are timed in the threads that were warmed up: ONNX Runtime captures its CUDA graphs for each thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

import pytest

from export.bench.cases import Call, Case, Refused, Shape
from export.bench.timing import WARM_UP, Clients, Plan, measure, warm_up


class Calls:
    """How often each thread called."""

    def __init__(self) -> None:
        self.of: dict[int, int] = {}
        self.case = Case(Shape(8, 8, 2), self._start)

    @contextmanager
    def _start(self) -> Iterator[Call]:
        yield self._call

    def _call(self) -> None:
        self.of[get_ident()] = self.of.get(get_ident(), 0) + 1


@pytest.mark.parametrize("number", [1, 3])
def test_no_call_is_timed_in_a_thread_that_was_not_warmed_up(number: int) -> None:
    calls = Calls()
    with Clients(number) as clients:
        warm_up(calls.case, clients)
        warm = dict(calls.of)
        (timing,) = measure([calls.case], Plan(0.03, 2, number), clients)
    assert list(warm.values()) == [WARM_UP] * number, "each client was warmed up alike"
    assert calls.of.keys() == warm.keys()
    assert timing.calls == sum(calls.of.values()) - sum(warm.values()), "what warmed up is not counted"
    assert timing.frames_per_second == 2 * timing.calls_per_second


def test_a_case_that_is_refused_leaves_the_clients_to_others() -> None:
    def refuse() -> None:
        raise Refused("too large")

    @contextmanager
    def start() -> Iterator[Call]:
        yield refuse

    calls = Calls()
    with Clients(2) as clients:
        with pytest.raises(Refused):
            warm_up(Case(Shape(8, 8, 1), start), clients)
        warm_up(calls.case, clients)
    assert len(calls.of) == 2
