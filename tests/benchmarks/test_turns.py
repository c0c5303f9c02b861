"""Ways that do not fit the device's memory together are timed one after the other; what fails is tried twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import turns as module
from benchmarks.gpu.contenders import Answer
from benchmarks.gpu.performance import measure_case
from benchmarks.gpu.record import Record
from benchmarks.gpu.speeds import OURS, Case, variants_table
from benchmarks.gpu.turns import Ways, at_once, at_shape, groups
from export.bench.cases import Shape
from export.bench.floor import Floor
from export.bench.timing import Timing

SHAPE = Shape(8, 8, 2)
CASE: Case = ("fp32", SHAPE)
FLOOR = Floor(1, 1, 1e9)
H100 = 78 * 2**30


class Device:
    """Whose memory ways hold from when they are prepared until nobody knows them any more."""

    def __init__(self, room: int = 100) -> None:
        self.room, self.held, self.most, self.prepared = room, 0, 0, list[str]()

    def way(self, name: str, fault: BaseException | None = None) -> Callable[[Shape], Answer]:
        def prepare(_: Shape) -> Answer:
            self.prepared.append(name)
            if fault or self.held == self.room:
                raise fault or MemoryError("out of memory")
            return Held(self)

        return prepare

    def ways(self, *names: str, **faults: BaseException) -> Ways:
        return {name: self.way(name, faults.get(name)) for name in names}


class Held:
    """A way that is ready."""

    def __init__(self, device: Device) -> None:
        self._device = device
        device.held += 1
        device.most = max(device.most, device.held)

    def __call__(self, _: Any) -> object:
        return None

    def __del__(self) -> None:
        self._device.held -= 1


def test_large_shapes_are_timed_alone_and_small_ones_together() -> None:
    assert at_once(H100, "fp32", Shape(1280, 1024, 64)) == 1
    assert at_once(H100, "fp32", Shape(640, 512, 64)) == 3
    assert at_once(H100, "fp16", Shape(640, 512, 64)) == 7
    assert at_once(H100, "fp32", Shape(256, 256, 64)) > 10
    assert at_once(float("inf"), "fp32", Shape(1280, 1024, 64)) > 10, "a CPU's memory is not counted"


def test_ours_is_in_every_group_that_has_room_for_two() -> None:
    names = ["a", OURS, "b", "c"]
    assert list(groups(names, 4)) == [names]
    assert list(groups(names, 3)) == [[OURS, "a", "b"], [OURS, "c"]]
    assert list(groups(names, 1)) == [["a"], [OURS], ["b"], ["c"]]
    assert list(groups(["a", "b", "c"], 2)) == [["a", "b"], ["c"]]


@pytest.mark.parametrize(("number", "most"), [(1, 1), (2, 2), (9, 4)])
def test_memory_is_given_back_before_the_next_are_prepared(number: int, most: int) -> None:
    device = Device(room=most)
    found = at_shape(device.ways("a", OURS, "b", "c"), SHAPE, 0.01, number)
    assert list(found) == ["a", OURS, "b", "c"]
    assert all(turn.timing and not turn.fault for turn in found.values()), found
    assert (device.most, device.held) == (most, 0)
    assert all((turn.beside is not None) == (number > 1) for turn in found.values())


def test_what_a_way_held_that_fails_is_free_for_the_next() -> None:
    device = Device(room=1)

    def bad(_: Shape) -> Answer:
        held = Held(device)

        def answer(_: Any) -> object:
            raise MemoryError(f"{held} is not enough")

        return answer

    found = at_shape({"bad": bad} | device.ways("a"), SHAPE, 0.01, 9)
    assert found["bad"].fault.startswith("MemoryError")
    assert found["a"].timing


def test_a_way_that_breaks_while_it_is_timed_is_named_and_the_others_are_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def breaks(_: Any) -> object:
        calls.append(1)
        if len(calls) > 2:
            raise RuntimeError("an illegal address\nand more")
        return None

    found = at_shape(Device().ways("a", OURS) | {"bad": lambda _: breaks}, SHAPE, 0.01, 9)
    assert found["bad"].fault == "RuntimeError: an illegal address"
    assert found["a"].timing
    assert found[OURS].timing


def test_a_way_that_fails_is_tried_by_the_next_run_and_then_no_more(tmp_path: Path) -> None:
    device, file = Device(), tmp_path / "performance.json"
    ways = device.ways("a", OURS, "bad", bad=RuntimeError("no kernel"))
    for _ in range(4):
        record = Record(file, "here")
        if record.missing(CASE, ways):
            measure_case(record, CASE, ways, FLOOR, 0.01, 1e12)
    assert device.prepared.count("bad") == 2
    assert device.prepared.count("a") == 1
    rows = Record(file, "here").of(CASE)
    assert (rows["bad"].tries, rows["bad"].fault) == (2, "RuntimeError: no kernel")
    assert rows["a"].timing
    assert rows[OURS].timing
    assert rows[OURS].tries == 1


def test_a_try_that_succeeds_takes_the_place_of_the_fault(tmp_path: Path) -> None:
    device, file = Device(), tmp_path / "performance.json"
    measure_case(Record(file, "here"), CASE, device.ways("a", OURS, a=MemoryError()), FLOOR, 0.01, 1e12)
    measure_case(Record(file, "here"), CASE, device.ways("a", OURS), FLOOR, 0.01, 1e12)
    row = Record(file, "here").of(CASE)["a"]
    assert row.timing
    assert not row.fault
    assert row.tries == 2
    assert len(json.loads(file.read_text())["speeds"]) == 2


def test_a_way_that_takes_the_process_with_it_is_tried_twice(tmp_path: Path) -> None:
    device, file = Device(), tmp_path / "performance.json"
    ways = device.ways(OURS, "bad", bad=SystemExit())
    for _ in range(2):
        with pytest.raises(SystemExit):
            measure_case(Record(file, "here"), CASE, ways, FLOOR, 0.01, 1e12)
    record = Record(file, "here")
    assert not record.missing(CASE, ways)
    assert record.of(CASE)["bad"].fault == "the process ended before it was timed"


def test_variants_are_compared_with_ours_in_the_same_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter([100.0, 200.0, 50.0, 25.0])  # the second group had half the clock

    def measure(cases: list[Any], _: Any) -> list[Any]:
        return [Timing(next(rates), 1.0, 1.0, 1.0, 1) for _ in cases]

    monkeypatch.setattr(module, "measure", measure)
    record = Record(tmp_path / "performance.json", "here")
    free = 2.5 * 512 * 8 * 8 * 2 / module.SHARE
    measure_case(record, CASE, Device(room=2).ways(OURS, "quick", "slow"), FLOOR, 0.01, free)
    assert "| 8x8 | 2 | fp32 | 2.00 | 0.50 |" in variants_table(Record(tmp_path / "performance.json", "here").speeds)
