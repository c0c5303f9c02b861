"""Hostile containers of every format, a few of those that ``make fuzz`` decodes, and what its figures say."""

import pytest

from service.errors import ServiceError
from service.frames import Budget, Frame, decode
from tests.attacks.containers import measure
from tests.attacks.containers.forms import FORMS, container
from tests.attacks.containers.measure import Cost, Fuzzed, fuzz
from tests.support import tiff_by_hand as by_hand

SEEDS = range(100_000, 100_060)  # `make fuzz` begins at 0
KEPT_MB = 30.0


@pytest.mark.parametrize("form", FORMS)
def test_hostile_containers_cost_little(form: str) -> None:
    for seed in SEEDS:
        outcome, seconds, megabytes, _ = measure.measure(container(form, seed))
        assert not outcome.startswith("bug"), f"seed {seed}: {outcome}"
        assert seconds < measure.MOST_SECONDS, f"seed {seed}"
        assert megabytes < measure.MOST_MB, f"seed {seed}"


def test_every_container_is_accounted_for() -> None:
    found = fuzz("pgm", range(40))
    assert found.count == sum(found.outcomes.values()) == 40
    assert {"frame", "undecodable_frame"} <= set(found.outcomes)
    assert not found.failed


def test_a_process_that_ends_is_a_fault_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def costs(form: str, seeds: range) -> list[Cost]:
        return [Cost(seed, "frame", 0.0, 0.0, 9.0) for seed in seeds if seed < 3 or seeds.start > 3]

    monkeypatch.setattr(measure, "costs", costs)
    found = fuzz("png", range(6))
    assert (found.count, found.faults) == (5, ["png, seed 3: the process ended, or took 20 s of CPU"])
    assert found.failed


@pytest.mark.parametrize(
    ("seconds", "megabytes", "failed"), [(1.9, 250.0, False), (2.1, 0.0, True), (0.0, 257.0, True)]
)
def test_costly_containers_are_named(seconds: float, megabytes: float, failed: bool) -> None:
    found = Fuzzed("png")
    found.add(Cost(7, "undecodable_frame", seconds, megabytes, 50.0))
    assert found.failed is failed
    assert [cost.seed for cost in found.costly] == ([7] if failed else [])


@pytest.mark.parametrize(
    ("resident", "grown"), [([90, 150, 70, 80, 120, 100], False), ([50, 60, 90, 120, 150, 180], True)]
)
def test_memory_that_stays_is_told_from_memory_that_comes_and_goes(resident: list[float], grown: bool) -> None:
    assert Fuzzed("png", resident=resident).failed is grown


FAULTY = {
    "too few pixels": by_hand.png(1_500, 1_500, 8, 0, bytes(1_501 * 1_499)),
    "an unknown filter": by_hand.png(1_500, 1_500, 8, 0, bytes(1_501 * 1_499) + b"\7" * 1_501),
    "no palette": by_hand.png(1_500, 1_500, 8, 3, bytes(1_501 * 1_500)),
    "a palette of two bytes": by_hand.png(
        1_500, 1_500, 8, 3, bytes(1_501 * 1_500), between=by_hand.chunk(b"PLTE", b"\1\2")
    ),
    "9 bits": by_hand.png(1_500, 1_500, 9, 0, bytes(1_501 * 1_500)),
}


@pytest.mark.parametrize("body", FAULTY.values(), ids=FAULTY)
def test_a_faulty_png_keeps_no_memory(
    body: bytes,
) -> None:  # the decoder keeps 2 MB for each fault that it finds itself
    before = 0.0
    for number in range(60):
        (fault,) = found(body)
        assert isinstance(fault, ServiceError)
        if number == 10:
            before = measure.megabytes_of_this("VmRSS")
    assert measure.megabytes_of_this("VmRSS") < before + KEPT_MB


def found(body: bytes) -> list[Frame | ServiceError]:
    try:
        return decode(body, None, Budget())
    except ServiceError as fault:
        return [fault]
