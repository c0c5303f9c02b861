"""Contenders take turns where the memory of the device holds them all, else each is timed by itself."""

from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.gpu import speed
from benchmarks.gpu.contenders import Answer, Prepare
from benchmarks.gpu.speed import Times, fits, time_contenders
from export.bench.cases import Shape

SHAPE = Shape(8, 8, 2)
CARD = 78 * 2**30  # free bytes


class Memory:
    """Room for so many contenders; each holds its room from its preparation until nothing refers to it any more."""

    def __init__(self, room: int = 100) -> None:
        self.room, self.held, self.most, self.prepared = room, 0, 0, list[str]()

    def contender(self, name: str, fault: str | None, while_timed: str | None) -> Prepare:
        def prepare(_: Shape) -> Answer:
            self.prepared.append(name)
            if fault:
                raise ValueError(fault)
            if self.held == self.room:
                raise MemoryError("out of memory")
            return Ready(self, while_timed)

        return prepare

    def contenders(
        self, *names: str, fault: Mapping[str, str] = {}, while_timed: Mapping[str, str] = {}
    ) -> dict[str, Prepare]:
        return {name: self.contender(name, fault.get(name), while_timed.get(name)) for name in names}


class Ready:
    """A prepared contender; a fault comes after its warm-up of two calls."""

    def __init__(self, memory: Memory, fault: str | None) -> None:
        self._memory, self._fault, self._calls = memory, fault, 0
        memory.held += 1
        memory.most = max(memory.most, memory.held)

    def __call__(self, _: Any) -> object:
        self._calls += 1
        if self._fault and self._calls > 2:
            raise ValueError(self._fault)
        return None

    def __del__(self) -> None:
        self._memory.held -= 1


def timed(times: Times) -> set[str]:
    return {name for name, (timing, _) in times.items() if timing}


def test_many_contenders_fit_at_small_shapes_and_few_at_large_ones() -> None:
    assert fits(4, "fp32", Shape(256, 256, 64), CARD)
    assert not fits(2, "fp32", Shape(1280, 1024, 64), CARD)
    assert fits(3, "fp32", Shape(640, 512, 64), CARD)
    assert not fits(4, "fp32", Shape(640, 512, 64), CARD)
    assert fits(4, "fp16", Shape(640, 512, 64), CARD)
    assert fits(9, "fp32", Shape(1280, 1024, 64), float("inf")), "the memory of a CPU is not counted"


def test_contenders_that_fit_are_ready_at_the_same_time() -> None:
    memory = Memory()
    assert timed(time_contenders(memory.contenders("a", "b", "c"), SHAPE, 0.01, together=True)) == {"a", "b", "c"}
    assert (memory.prepared, memory.most, memory.held) == (["a", "b", "c"], 3, 0)


def test_contenders_that_do_not_fit_are_ready_one_by_one() -> None:
    memory = Memory()
    assert timed(time_contenders(memory.contenders("a", "b"), SHAPE, 0.01, together=False)) == {"a", "b"}
    assert (memory.most, memory.held) == (1, 0)


def test_a_contender_without_memory_beside_the_others_is_timed_by_itself() -> None:
    memory = Memory(room=2)
    assert timed(time_contenders(memory.contenders("a", "b", "c"), SHAPE, 0.01, together=True)) == {"a", "b", "c"}
    assert memory.prepared == ["a", "b", "c", "c"]


@pytest.mark.parametrize("moment", ["fault", "while_timed"])
def test_a_contender_that_fails_leaves_the_others_their_timings(moment: str) -> None:
    memory = Memory()
    contenders = memory.contenders("a", "b", "c", **{moment: {"b": "no such kernel\nmore"}})
    times = time_contenders(contenders, SHAPE, 0.01, together=True)
    assert list(times) == ["a", "b", "c"]
    assert timed(times) == {"a", "c"}
    assert times["b"] == (None, "ValueError: no such kernel")
    assert memory.held == 0


def test_memory_is_given_back_after_each_contender(monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[int] = []
    memory = Memory()
    monkeypatch.setattr(speed, "give_memory_back", lambda: given_back.append(memory.held))
    time_contenders(memory.contenders("a", "b"), SHAPE, 0.01, together=False)
    assert given_back == [0, 0]
