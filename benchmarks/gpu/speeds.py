"""What was measured of the ways to run the network, and the tables of docs/development/benchmarks.md made of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from export.bench.cases import Shape
from export.bench.floor import Floor
from export.bench.timing import Timing
from export.onnx.graph import Precision
from export.report.table import Table

EAGER: Final = "PyTorch eager, as the authors run it"
CAPTURED: Final = "PyTorch, channels last, CUDA graph"
PLAIN: Final = "ONNX Runtime as it comes"
OURS: Final = "ours"
COLUMNS: Final = (EAGER, CAPTURED, PLAIN, OURS)
LATENCY_AIM: Final = 10.0  # times better than eager PyTorch, batch 1
FLOOR_AIM: Final = 0.5  # of the floor, batch 64 in fp16


@dataclass(frozen=True, slots=True)
class Speed:
    """One way at one shape; ``fault`` is why there is no timing.

    Attributes:
        tries: how often it was begun.
        beside: frames a second of ours in the same turns; None if it was timed alone.
    """

    how: str
    precision: Precision
    shape: Shape
    timing: Timing | None
    fault: str
    floor: Floor
    tries: int = 1
    beside: float | None = None

    @property
    def of_the_floor(self) -> float | None:
        """Share, 0 to 1."""
        return None if self.timing is None else self.timing.frames_per_second / self.floor.frames_per_second


Case = tuple[Precision, Shape]


def read_speed(entry: dict[str, Any]) -> Speed:
    """As ``dataclasses.asdict`` wrote it."""
    timing = entry["timing"]
    return Speed(
        how=entry["how"],
        precision=entry["precision"],
        shape=Shape(**entry["shape"]),
        timing=Timing(**timing) if timing else None,
        fault=entry["fault"],
        floor=Floor(**entry["floor"]),
        tries=entry["tries"],
        beside=entry["beside"],
    )


def main_table(speeds: Iterable[Speed]) -> str:
    """A row a case: the four ways of docs/development/benchmarks.md, and the floor."""
    cases = by_case(speeds)
    head = ("size", "batch", "precision", *COLUMNS, "floor frames/s", "of the floor")
    rows = tuple(
        (shape.size, str(shape.batch), precision, *(_cell(ways.get(how)) for how in COLUMNS), *_floor(ways))
        for (precision, shape), ways in cases.items()
    )
    return f"frames/s (p50 / p99 ms of a call)\n\n{Table(head, rows).markdown()}"


def variants_table(speeds: Iterable[Speed]) -> str:
    """Everything else that was tried: frames a second over ours. Empty where nothing was."""
    cases = by_case(speeds)
    others = [how for how in dict.fromkeys(how for ways in cases.values() for how in ways) if how not in COLUMNS]
    rows = tuple(
        (shape.size, str(shape.batch), precision, *(_ratio(ways.get(how), ways.get(OURS)) for how in others))
        for (precision, shape), ways in cases.items()
    )
    if not others:
        return ""
    return f"frames/s over ours\n\n{Table(('size', 'batch', 'precision', *others), rows).markdown()}"


def verdicts(speeds: Iterable[Speed]) -> Iterator[str]:
    """The two aims, wherever they can be judged; and what could not be run."""
    for (precision, shape), ways in by_case(speeds).items():
        ours, eager = ways.get(OURS), ways.get(EAGER)
        if shape.batch == 1 and ours and eager and ours.timing and eager.timing:
            times = eager.timing.p50_ms / ours.timing.p50_ms
            yield f"{shape.size}, {precision}, batch 1: {times:.1f} times faster than eager (aim {LATENCY_AIM:.0f})"
        if shape.batch == 64 and precision == "fp16" and ours and ours.of_the_floor is not None:
            yield f"{shape.size}, fp16, batch 64: {100 * ours.of_the_floor:.0f} % of the floor (aim {FLOOR_AIM:.0%})"
        yield from (
            f"{shape.size}, {precision}, batch {shape.batch}: no {one.how}: {one.fault}"
            for one in ways.values()
            if one.fault
        )


def by_case(speeds: Iterable[Speed]) -> dict[Case, dict[str, Speed]]:
    """Ways by name, of every precision and shape."""
    cases: dict[Case, dict[str, Speed]] = {}
    for one in speeds:
        cases.setdefault((one.precision, one.shape), {})[one.how] = one
    return cases


def _cell(one: Speed | None) -> str:
    if one is None or one.timing is None:
        return "-" if one is None else "failed"
    return f"{one.timing.frames_per_second:.1f} ({one.timing.p50_ms:.2f} / {one.timing.p99_ms:.2f})"


def _floor(ways: dict[str, Speed]) -> tuple[str, str]:
    ours = ways.get(OURS)
    if ours is None:
        return "-", "-"
    share = ours.of_the_floor
    return f"{ours.floor.frames_per_second:.0f}", "-" if share is None else f"{100 * share:.0f} %"


def _ratio(one: Speed | None, ours: Speed | None) -> str:
    if one is None or ours is None or one.timing is None or ours.timing is None:
        return "-"
    return f"{one.timing.frames_per_second / (one.beside or ours.timing.frames_per_second):.2f}"
