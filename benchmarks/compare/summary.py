"""Results of all seeds as a table and as JSON."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from benchmarks.compare.run import Result
from export.report.table import Table, format_score
from model.scoring.metrics import Scores

COLUMNS: Final[dict[str, Callable[[Scores], float]]] = {
    "IoU %": lambda scores: 100 * scores.iou,
    "nIoU %": lambda scores: 100 * scores.niou,
    "Pd %": lambda scores: 100 * scores.pd,
    "Fa identity e-6": lambda scores: scores.fa_identity,
    "Fa legacy e-6": lambda scores: scores.fa_legacy,
}


@dataclass(frozen=True, slots=True)
class Row:
    """The finished runs of one contender, by seed."""

    name: str
    results: tuple[Result, ...]

    def cells(self) -> tuple[str, ...]:
        """Parameters, number of seeds, and for each score the median with the values of all seeds."""
        if not self.results:
            return (self.name, "-", "0", *("-" for _ in COLUMNS))
        scores = (self._cell([value(result.scores) for result in self.results]) for value in COLUMNS.values())
        return (self.name, f"{self.results[0].parameters:,}", str(len(self.results)), *scores)

    def as_json(self) -> dict[str, Any]:
        """Scores by seed and their medians; None for a score that is not defined."""
        runs = {result.seed: asdict(result.scores) for result in self.results}
        names = next(iter(runs.values()), {})
        return {
            "parameters": self.results[0].parameters if self.results else None,
            "median": {name: _defined(_median(run[name] for run in runs.values())) for name in names},
            "seeds": {seed: {name: _defined(value) for name, value in run.items()} for seed, run in runs.items()},
        }

    @staticmethod
    def _cell(values: Sequence[float]) -> str:
        middle = format_score(_median(values))
        return middle if len(values) == 1 else f"{middle} ({', '.join(map(format_score, values))})"


def as_table(rows: Iterable[Row]) -> Table:
    """One row for each contender, with or without finished runs."""
    return Table(("network", "parameters", "seeds", *COLUMNS), tuple(row.cells() for row in rows))


def _median(values: Iterable[float]) -> float:
    """The median; NaN if any value is NaN."""
    values = list(values)
    return math.nan if any(map(math.isnan, values)) else median(values)


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
