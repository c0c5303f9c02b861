"""Medians over the rounds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.peers.measure import BOUND
from benchmarks.peers.runs import Results, Run, Start
from benchmarks.serving.report import median


@dataclass(frozen=True, slots=True)
class Medians:
    """Medians of the figures of one server, of one input."""

    results: Results
    contender: str
    input: str

    def of(self, load: str, figure: Callable[[Run], float | None]) -> float | None:
        """A figure of a load; None if it was not measured."""
        return _median(figure(run) for run in self._runs(load))

    def of_starts(self, figure: Callable[[Start], float | None]) -> float | None:
        """A figure of the starts with this input."""
        starts = (one for one in self.results.starts if (one.contender, one.input) == (self.contender, self.input))
        return _median(figure(start) for start in starts)

    def is_disturbed(self, load: str) -> bool:
        """Whether other programs took part of the core in any round."""
        return any(run.disturbed for run in self._runs(load))

    def _runs(self, load: str) -> list[Run]:
        key = (self.contender, self.input, load)
        return [run for run in self.results.runs if (run.contender, run.input, run.load) == key]


def names(results: Results) -> list[str]:
    """The servers with figures, in the order of the page."""
    measured = {run.contender for run in results.runs} - {BOUND}
    return [name for name in results.about["contenders"] if name in measured]


def _median(values: Iterable[float | None]) -> float | None:
    return median([value for value in values if value is not None])
