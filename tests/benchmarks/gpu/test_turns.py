"""Ways that do not fit the device's memory together are timed one after the other; what fails is tried twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import turns as module
from benchmarks.gpu.attempts import measure_case, measure_group, together
from benchmarks.gpu.contenders import Answer
from benchmarks.gpu.record import Record
from benchmarks.gpu.speeds import OURS, Case, Speed, variants_table
from benchmarks.gpu.turns import Ways, at_once, groups
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


def at_once_timed(ways: Ways, number: int = 9) -> dict[str, Speed]:
    """Rows of a first try, so many ways at once."""
    record = Record(None, "here")
    for names in together(record, CASE, ways, number):
        measure_group(record, CASE, {how: ways[how] for how in names}, FLOOR, 0.01)
    return record.of(CASE)


def run_once(file: Path, ways: Ways, free: float = 1e12) -> Record:
    """What the file holds after another run."""
    record = Record(file, "here")
    for _ in measure_case(record, CASE, ways, FLOOR, 0.01, free):
        pass
    return record


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
    found = at_once_timed(device.ways("a", OURS, "b", "c"), number)
    assert set(found) == {"a", OURS, "b", "c"}
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

    found = at_once_timed({"bad": bad} | device.ways("a"))
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

    found = at_once_timed(Device().ways("a", OURS) | {"bad": lambda _: breaks})
    assert found["bad"].fault == "RuntimeError: an illegal address"
    assert found["a"].timing
    assert found[OURS].timing


def test_a_way_that_fails_is_tried_by_the_next_run_and_then_no_more(tmp_path: Path) -> None:
    device, file = Device(), tmp_path / "performance.json"
    ways = device.ways("a", OURS, "bad", bad=RuntimeError("no kernel"))
    for _ in range(4):
        rows = run_once(file, ways).of(CASE)
    assert device.prepared.count("bad") == 2
    assert device.prepared.count("a") == device.prepared.count(OURS) == 1
    assert (rows["bad"].tries, rows["bad"].fault) == (2, "RuntimeError: no kernel")
    assert rows["a"].timing
    assert rows[OURS].timing
    assert rows[OURS].tries == 1


def test_a_try_that_succeeds_takes_the_place_of_the_fault(tmp_path: Path) -> None:
    device, file = Device(), tmp_path / "performance.json"
    run_once(file, device.ways("a", OURS, a=MemoryError()))
    row = run_once(file, device.ways("a", OURS)).of(CASE)["a"]
    assert row.timing
    assert not row.fault
    assert row.tries == 2
    assert len(json.loads(file.read_text())["speeds"]) == 2


@pytest.mark.parametrize("end", [SystemExit(), KeyboardInterrupt()])
def test_a_way_that_takes_the_process_with_it_is_tried_twice_and_uses_up_no_try_of_others(
    tmp_path: Path, end: BaseException
) -> None:
    device, file = Device(), tmp_path / "performance.json"
    ways = device.ways("a", "bad", "b", OURS, bad=end)
    for _ in range(2):
        with pytest.raises(type(end)):
            run_once(file, ways)
    record = run_once(file, ways)
    assert not record.missing(CASE, ways)
    rows = record.of(CASE)
    assert rows["bad"].fault == "the process ended before it was timed"
    assert all(rows[how].timing for how in ("a", "b", OURS))
    assert device.prepared.count("bad") == 2


def test_after_each_way_that_is_tried_again_somebody_may_look_whether_the_device_lives(tmp_path: Path) -> None:
    device, file = Device(), tmp_path / "performance.json"
    ways = device.ways("a", "b", a=RuntimeError("an illegal address"), b=RuntimeError("the same in its wake"))
    run_once(file, ways)
    next(measure_case(Record(file, "here"), CASE, ways, FLOOR, 0.01, 1e12))
    rows = Record(file, "here").of(CASE)
    assert (rows["a"].tries, rows["b"].tries) == (2, 1)


def test_what_failed_is_tried_again_once_its_code_was_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device, file = Device(), tmp_path / "performance.json"
    for _ in range(3):
        run_once(file, device.ways("a", OURS, a=MemoryError()))
    monkeypatch.setattr("benchmarks.gpu.record.commit", lambda: "the next")
    assert run_once(file, device.ways("a", OURS)).of(CASE)["a"].timing
    assert device.prepared.count("a") == 3


def test_what_another_runtime_of_ours_did_is_measured_again(tmp_path: Path) -> None:
    device, file = Device(), tmp_path / "performance.json"
    ways = device.ways("a", OURS, f"{OURS}, changed")
    run_once(file, ways)
    assert Record(file, "here").missing(CASE, ways) == {}
    assert set(Record(file, "here", ours="the next").missing(CASE, ways)) == {OURS, f"{OURS}, changed"}


def test_variants_are_compared_with_ours_in_the_same_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter([100.0, 200.0, 50.0, 25.0])  # the second group had half the clock

    def measure(cases: list[Any], *_: Any) -> list[Any]:
        return [Timing(next(rates), 1.0, 1.0, 1.0, 1) for _ in cases]

    monkeypatch.setattr(module, "measure", measure)
    free = 2.5 * 512 * 8 * 8 * 2 / module.SHARE
    record = run_once(tmp_path / "performance.json", Device(room=2).ways(OURS, "quick", "slow"), free)
    assert "| 8x8 | 2 | fp32 | 2.00 | 0.50 |" in variants_table(record.speeds)
