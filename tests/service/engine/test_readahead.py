"""Who reads when: steps are run by hand here, so that every order can be tried."""

from collections.abc import Callable

import pytest

from service.engine.readahead import ReadAhead, Turn

LIMIT = 100  # pixels


class Bench:
    """Two threads that the test plays itself."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.lost: list[str] = []
        self.steps: list[Callable[[], None]] = []
        self.closed = False
        self.ahead = ReadAhead(self._submit, 2, LIMIT)

    def _submit(self, step: Callable[[], None]) -> None:
        if self.closed:
            raise RuntimeError("closed")
        self.steps.append(step)

    def enter(self, name: str, pixels: int = 0, then: Callable[[Turn], None] = lambda turn: None) -> Turn:
        def read(turn: Turn) -> None:
            self.begun.append(name)
            self.ahead.hold(turn, pixels)
            then(turn)

        turn = Turn(read, lambda fault: self.lost.append(f"{name}: {fault}"))
        self.ahead.enter(turn)
        return turn

    def run(self) -> list[str]:
        """Run all that may run, and tell who has begun since the last time."""
        while self.steps:
            self.steps.pop(0)()
        begun, self.begun = self.begun, []
        return begun


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_no_more_begin_than_there_are_threads(bench: Bench) -> None:
    for name in "abc":
        bench.enter(name)
    assert len(bench.steps) == 2
    assert bench.run() == ["a", "b", "c"]


def test_all_wait_while_enough_is_held_and_begin_in_order(bench: Bench) -> None:
    first, second = bench.enter("a", LIMIT), bench.enter("b", 1)
    later = [bench.enter(name, LIMIT) for name in "cdef"]
    assert bench.run() == ["a", "b"]
    bench.ahead.leave(second)
    assert bench.run() == []
    bench.ahead.leave(first)
    assert bench.run() == ["c", "d"], "both threads begin before either knows how much it will hold"
    bench.ahead.leave(later[0])
    assert bench.run() == []
    bench.ahead.leave(later[1])
    assert bench.run() == ["e", "f"]


def test_one_that_is_larger_than_the_limit_begins(bench: Bench) -> None:
    large = bench.enter("a", 3 * LIMIT)
    assert bench.run() == ["a"]
    bench.enter("b")
    assert bench.run() == []
    bench.ahead.leave(large)
    assert bench.run() == ["b"]


def test_one_that_leaves_while_it_waits_never_begins(bench: Bench) -> None:
    large = bench.enter("a", LIMIT)
    bench.run()
    left = bench.enter("b", LIMIT)
    bench.enter("c")
    bench.ahead.leave(left)
    bench.ahead.leave(large)
    assert bench.run() == ["c"]


def test_one_that_leaves_while_it_reads_holds_nothing(bench: Bench) -> None:
    def go_and_hold(turn: Turn) -> None:
        bench.ahead.leave(turn)
        bench.ahead.hold(turn, LIMIT)

    bench.enter("a", then=go_and_hold)
    bench.run()
    bench.enter("b")
    assert bench.run() == ["b"]


def test_leaving_twice_gives_back_once(bench: Bench) -> None:
    first, _ = bench.enter("a", LIMIT), bench.run()
    bench.ahead.leave(first)
    bench.ahead.leave(first)
    bench.enter("b", LIMIT)
    bench.run()
    bench.enter("c")
    assert bench.run() == []


def test_one_whose_reading_breaks_gives_its_thread_back(bench: Bench) -> None:
    def break_down(_: Turn) -> None:
        raise MemoryError

    broken = [bench.enter(name, 0, break_down) for name in "ab"]
    bench.enter("c")
    for _ in broken:
        with pytest.raises(MemoryError):
            bench.steps.pop(0)()
    assert bench.run() == ["a", "b", "c"]


def test_who_cannot_begin_any_more_is_told(bench: Bench) -> None:
    large = bench.enter("a", LIMIT)
    bench.run()
    for name in "bcd":
        bench.enter(name)
    bench.closed = True
    bench.ahead.leave(large)
    assert bench.lost == ["b: closed", "c: closed", "d: closed"]
