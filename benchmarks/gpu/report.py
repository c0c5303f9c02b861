"""Everything that a run has measured, as Markdown and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.gpu.parity import DIFFERS, Scored, parity_table, verdicts
from benchmarks.gpu.schedule import NotRun
from benchmarks.gpu.speed import Speed
from benchmarks.gpu.speed_table import speeds_table
from benchmarks.train_throughput.memory_limit import MemoryLimit
from benchmarks.train_throughput.rates import StepRate, rates_table


@dataclass(slots=True)
class Report:
    """``about`` is from ``describe_run``; the lists grow while the run goes on."""

    about: dict[str, str]
    not_run: list[NotRun]
    parity: list[Scored] = field(default_factory=list)
    speed: list[Speed] = field(default_factory=list)
    memory_limit: MemoryLimit | None = None
    training: list[StepRate] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether no comparison of parity differs."""
        return DIFFERS not in verdicts(self.parity)

    def as_json(self) -> dict[str, Any]:
        """Timings in milliseconds and frames a second, rates in steps a second."""
        return asdict(self) | {"agrees": self.agrees}

    def markdown(self) -> str:
        """The tables, each below its heading; a part that was not measured has none."""
        return "\n\n".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield "\n".join(f"- {name}: {value}" for name, value in self.about.items())
        if self.parity:
            yield f"## Parity\n\n{parity_table(self.parity)}"
        if self.speed:
            yield f"## Speed\n\n{speeds_table(self.speed)}"
        if self.training and self.memory_limit:
            yield f"## Training\n\n{rates_table(self.training, self.memory_limit)}"
        if self.not_run:
            yield "\n".join(("## Not run\n", *(f"- {one.name}: {one.why}" for one in self.not_run)))
