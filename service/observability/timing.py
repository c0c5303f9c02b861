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
        began: time.monotonic when the request began.
        stages: milliseconds of the stages that ran.
    """

    began: float = field(default_factory=time.monotonic)
    stages: dict[str, float] = field(default_factory=dict)
    _mark: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """The first stage begins now."""
        self._mark = time.monotonic()

    def lap(self, stage: str) -> None:
        """A stage ends, and the next one begins."""
        now = time.monotonic()
        self.stages[stage] = 1e3 * (now - self._mark)
        self._mark = now

    def lap_device(self, began: float, ended: float) -> None:
        """``queue`` lasts until the first batch begins, ``inference`` until the last batch ends."""
        self.stages["queue"] = self.stages.get("queue", 0.0) + 1e3 * (began - self._mark)
        self.stages["inference"] = 1e3 * (ended - began)
        self._mark = ended

    def finish(self) -> dict[str, float]:
        """End ``postprocess``, and return milliseconds of every stage and in total, 0 for one that did not run.

        An answer that carries its own timing calls this first, so that a later call changes nothing.
        """
        if TOTAL not in self.stages:
            self.lap("postprocess")
            self.stages[TOTAL] = 1e3 * (time.monotonic() - self.began)
        return {stage: self.stages.get(stage, 0.0) for stage in (*STAGES, TOTAL)}
