"""Measured rates, and their table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.train_throughput.memory_limit import MemoryLimit
from benchmarks.train_throughput.ways import BFLOAT16, PLAIN
from export.report.table import Table

BYTES_RATIO: Final = 2  # of float32 to bfloat16: memory allows twice as many steps


@dataclass(frozen=True, slots=True)
class StepRate:
    """Steps per second of one way to train; None where it failed, and ``fault`` says why."""

    way: str
    steps_per_s: float | None
    fault: str = ""


def measure_rates(
    ways: Mapping[str, Callable[[], float]], may_begin: Callable[[str], bool] = lambda _: True
) -> Iterator[StepRate]:
    """Measure each way that may begin; one that fails does not end the others."""
    for way, measure in ways.items():
        if may_begin(way):
            try:
                found = StepRate(way, measure())
            except Exception as error:  # every library has its own
                found = StepRate(way, None, f"{type(error).__name__}: {error}".splitlines()[0][:200])
            yield found


def rates_table(rates: Sequence[StepRate], limit: MemoryLimit) -> str:
    """A row a way; below it a line for each way that failed."""
    plain = next((one.steps_per_s for one in rates if one.way == PLAIN), None)
    head = ("way", "steps/s", "over the plain loop", "of the memory limit")
    table = Table(head, tuple((one.way, *_cells(one, plain, limit)) for one in rates)).markdown()
    return "\n".join((table, *(f"- {one.way}: {one.fault}" for one in rates if one.fault)))


def _cells(one: StepRate, plain: float | None, limit: MemoryLimit) -> tuple[str, str, str]:
    if one.steps_per_s is None:
        return "failed", "-", "-"
    possible = limit.steps_per_s * (BYTES_RATIO if BFLOAT16 in one.way else 1)
    over = f"{one.steps_per_s / plain:.2f}" if plain else "-"
    return f"{one.steps_per_s:.2f}", over, f"{one.steps_per_s / possible:.0%}"
