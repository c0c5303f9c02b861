"""How long the stages of one request took."""

import time
from dataclasses import dataclass, field
from typing import Final

STAGES: Final = ("decode", "queue", "inference", "postprocess")
TOTAL: Final = "total"


@dataclass(slots=True)
class Timing:
    """A stopwatch for stages that follow one another.

    Attributes:
        began: time.monotonic of the request's begin.
        stages: milliseconds of those that ran.
    """

    began: float = field(default_factory=time.monotonic)
    stages: dict[str, float] = field(default_factory=dict)
    _mark: float = field(default_factory=time.monotonic)

    @property
    def told(self) -> dict[str, float]:
        """Milliseconds of every stage, as answers have them: 0 for one that had nothing to do."""
        return {stage: self.stages.get(stage, 0.0) for stage in (*STAGES, TOTAL)}

    def mark(self) -> None:
        """The next stage begins now."""
        self._mark = time.monotonic()

    def lap(self, stage: str) -> None:
        """A stage ends, and the next begins."""
        now = time.monotonic()
        self.stages[stage] = 1e3 * (now - self._mark)
        self._mark = now

    def lap_device(self, began: float, ended: float) -> None:
        """``queue`` again until ``began``, then ``inference``; what comes after ``ended`` is the next stage."""
        self.stages["queue"] = self.stages.get("queue", 0.0) + 1e3 * (began - self._mark)
        self.stages["inference"] = 1e3 * (ended - began)
        self._mark = ended

    def finish(self) -> None:
        """``postprocess`` ends, and all; an answer that tells its own stages does this before the engine does."""
        if TOTAL not in self.stages:
            self.lap("postprocess")
            self.stages[TOTAL] = 1e3 * (time.monotonic() - self.began)
