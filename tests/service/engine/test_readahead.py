"""Which requests may read, and when: few at the same time, and none while enough has been read already."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from service.engine.engine import ReadAhead

LIMIT = 100  # pixels
WITHIN_S, NOT_WITHIN_S = 10.0, 0.05


class Bench:
    """Two requests may read at the same time."""

    def __init__(self) -> None:
        self.ahead, self.over = ReadAhead(2, LIMIT), False
        self._threads = ThreadPoolExecutor(8)

    def begin(self) -> "Future[None]":
        """A request that asks for its turn."""
        return self._threads.submit(self.ahead.begin, lambda: self.over)

    def close(self) -> None:
        self.over = True
        self.ahead.change()
        self._threads.shutdown()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def begun(*turns: "Future[None]", within_s: float = WITHIN_S) -> int:
    """How many have their turn; waits until all have."""
    return len(wait(turns, within_s).done)


def test_no_more_requests_read_at_the_same_time_than_there_are_cpus(bench: Bench) -> None:
    turns = [bench.begin() for _ in range(3)]
    assert begun(*turns, within_s=NOT_WITHIN_S) == 2
    bench.ahead.change(threads=1)
    assert begun(*turns) == 3


def test_no_request_reads_while_enough_is_held(bench: Bench) -> None:
    assert begun(bench.begin()) == 1
    bench.ahead.change(threads=1, pixels=-LIMIT)
    later = bench.begin()
    assert begun(later, within_s=NOT_WITHIN_S) == 0
    bench.ahead.change(pixels=LIMIT)
    assert begun(later) == 1


def test_a_request_that_is_larger_than_the_limit_reads_all_the_same(bench: Bench) -> None:
    assert begun(bench.begin()) == 1
    bench.ahead.change(threads=1, pixels=-3 * LIMIT)
    later = bench.begin()
    assert begun(later, within_s=NOT_WITHIN_S) == 0
    bench.ahead.change(pixels=3 * LIMIT)
    assert begun(later) == 1


def test_a_request_that_is_over_stops_waiting(bench: Bench) -> None:
    assert begun(bench.begin()) == 1
    bench.ahead.change(threads=1, pixels=-LIMIT)
    left = bench.begin()
    time.sleep(NOT_WITHIN_S)
    bench.over = True
    bench.ahead.change()
    assert begun(left) == 1
