"""The tables of the page."""

from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.peers.loads import INPUTS, Input, Load
from benchmarks.peers.measure import BOUND, LOOP
from benchmarks.peers.report.medians import Medians, names
from benchmarks.peers.runs import Results, Run, Start
from export.report.table import Table

Figure = Callable[[Run], float | None]
EIGHT: Final = Load(8).name
NEARLY, ABOVE, OVERLOAD = (Load(share=share).name for share in (0.8, 1.2, 3.0))
SUMMARY_HEAD: Final = (
    "server", "answers a second, 8 clients", "CPU ms an answer", "p99 ms at 80 %", "within 500 ms at 80 %", "at 120 %",
    "at 300 %", "within 1 s at 300 %", "within 2 s at 300 %", "MB at start", "MB at the end", "idle, % of a core",
    "s to the first answer",
)  # fmt: skip
LOAD_HEAD: Final = (
    "server", "answers/s", "within 500 ms", "within 1 s", "within 2 s", "p50 ms", "p99 ms", "requests", "refused",
    "failed", "unanswered", "CPU ms",
)  # fmt: skip
DISTURBED: Final = "*"


def summary(results: Results) -> Table:
    """The figures of the 8-bit frames that matter first."""
    kind = INPUTS[0].name
    rows = [_summary_row(name, Medians(results, name, kind)) for name in names(results)]
    return Table(SUMMARY_HEAD, (_summary_of_bound(results, kind), *rows))


def loads(results: Results, kind: Input) -> list[tuple[str, Table]]:
    """A table for each load of an input, with its name."""
    return [(load.name, _table(results, kind, load)) for load in kind.loads]


def missing(results: Results) -> Table:
    """Servers without figures, and why."""
    return Table(("server", "why it has no figures"), tuple(results.missing.items()))


def versions(results: Results) -> Table:
    """Versions of the servers and of what does the work."""
    rows = results.about["versions"].items()
    return Table(("server", "packages"), tuple((name, _listed(packages)) for name, packages in rows))


def _summary_row(name: str, found: Medians) -> tuple[str, ...]:
    cells = [
        _cell(found, EIGHT, lambda run: run.answers),
        _cell(found, EIGHT, lambda run: run.cpu_ms),
        _cell(found, NEARLY, lambda run: run.p99_ms),
        *(_cell(found, load, lambda run: run.within_500_ms) for load in (NEARLY, ABOVE, OVERLOAD)),
        _cell(found, OVERLOAD, lambda run: run.within_1_s),
        _cell(found, OVERLOAD, lambda run: run.within_2_s),
    ]
    return name, *cells, *(number(found.of_starts(figure)) for figure in START_FIGURES)


START_FIGURES: Final[Sequence[Callable[[Start], float | None]]] = (
    lambda start: start.resident_mb,
    lambda start: start.end_mb,
    lambda start: None if start.idle is None else 100 * start.idle,
    lambda start: start.ready_after_s,
)


def _summary_of_bound(results: Results, kind: str) -> tuple[str, ...]:
    """The bare loop; of a load beyond its rate it could answer its rate, and of a smaller one all."""
    found = Medians(results, BOUND, kind)
    rate = found.of(LOOP, lambda run: run.answers)
    possible = [number(_possible(rate, share)) for share in (0.8, 1.2, 3.0, 3.0, 3.0)]
    cells = (_cell(found, LOOP, lambda run: run.answers), _cell(found, LOOP, lambda run: run.cpu_ms), "-", *possible)
    return BOUND, *cells, *(number(found.of_starts(figure)) for figure in START_FIGURES)


def _possible(rate: float | None, share: float) -> float | None:
    return None if rate is None else min(1.0, share) * rate


def _table(results: Results, kind: Input, load: Load) -> Table:
    rows = [_row(name, Medians(results, name, kind.name), load.name) for name in names(results)]
    if load.clients:
        rows.insert(0, _row(BOUND, Medians(results, BOUND, kind.name), LOOP))
    return Table(LOAD_HEAD, tuple(rows))


def _row(name: str, found: Medians, load: str) -> tuple[str, ...]:
    return name, *(_cell(found, load, figure) for figure in LOAD_FIGURES)


LOAD_FIGURES: Final[Sequence[Figure]] = (
    lambda run: run.answers,
    lambda run: run.within_500_ms,
    lambda run: run.within_1_s,
    lambda run: run.within_2_s,
    lambda run: run.p50_ms,
    lambda run: run.p99_ms,
    lambda run: run.sent,
    lambda run: run.refused,
    lambda run: run.failed,
    lambda run: run.unanswered,
    lambda run: run.cpu_ms,
)


def _cell(found: Medians, load: str, figure: Figure) -> str:
    text = number(found.of(load, figure))
    return text + DISTURBED if found.is_disturbed(load) and text != "-" else text


def number(value: float | None) -> str:
    """Three digits, or a dash."""
    if value is None:
        return "-"
    places = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:.{places}f}"


def _listed(packages: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())
