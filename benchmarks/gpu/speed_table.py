"""The speeds as Markdown."""

from collections.abc import Sequence
from typing import Final

from benchmarks.gpu.contenders import CAPTURED, COMPILED, EAGER, PLAIN, SERVICE
from benchmarks.gpu.speed import Speed
from export.report.table import Table

COLUMNS: Final = (SERVICE, PLAIN, EAGER, CAPTURED, COMPILED)


def speeds_table(speeds: Sequence[Speed]) -> str:
    """A row a shape and precision, below it a line for each fault."""
    cases: dict[tuple[str, ...], dict[str, Speed]] = {}
    for one in speeds:
        cases.setdefault((one.shape.size, str(one.shape.batch), one.precision), {})[one.contender] = one
    head = ("size", "batch", "precision", *COLUMNS, "floor frames/s", f"{SERVICE} / floor")
    rows = tuple((*case, *(_cell(ways.get(name)) for name in COLUMNS), *_floor(ways)) for case, ways in cases.items())
    faults = (
        f"- {one.contender}, {one.shape.size}, batch {one.shape.batch}, {one.precision}: {one.fault}"
        for one in speeds
        if one.fault
    )
    return "\n".join(("frames/s (p50 / p99 ms of a call)\n", Table(head, rows).markdown(), *faults))


def _cell(one: Speed | None) -> str:
    if one is None or one.timing is None:
        return "-" if one is None else "failed"
    return f"{one.timing.frames_per_second:.1f} ({one.timing.p50_ms:.2f} / {one.timing.p99_ms:.2f})"


def _floor(ways: dict[str, Speed]) -> tuple[str, str]:
    service = ways.get(SERVICE)
    if service is None:
        return "-", "-"
    floor = service.floor.frames_per_second
    return f"{floor:.0f}", f"{service.timing.frames_per_second / floor:.0%}" if service.timing else "-"
