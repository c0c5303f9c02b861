"""The costs of all rounds, as they are kept in JSON, and their medians."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.growth.measure import Cost

FIGURES: Final[Mapping[str, Callable[[Cost], float]]] = {
    "CPU ms": lambda cost: cost.cpu_ms,
    "wall ms": lambda cost: cost.wall_ms,
    "peak MB": lambda cost: cost.peak_mb,
}


@dataclass(frozen=True, slots=True)
class Growth:
    """Costs along one axis: of each round, of each step."""

    steps: Sequence[int]
    rounds: Sequence[Sequence[Cost]]

    def of(self, figure: Callable[[Cost], float]) -> list[float]:
        """The median of a figure over the rounds, for each step."""
        return [median(map(figure, costs)) for costs in zip(*self.rounds, strict=True)]

    def as_json(self) -> dict[str, Any]:
        """As ``read_growths`` takes it."""
        return {"steps": list(self.steps), "rounds": [[asdict(cost) for cost in costs] for costs in self.rounds]}


def read_growths(file: Path) -> tuple[dict[str, Any], dict[str, Growth]]:
    """The machine and the options, and the growth along each axis, of a file that the command wrote."""
    content = json.loads(file.read_text())
    return content, {name: _growth(one) for name, one in content["axes"].items()}


def _growth(found: Mapping[str, Any]) -> Growth:
    return Growth(found["steps"], [[Cost(**cost) for cost in costs] for costs in found["rounds"]])
