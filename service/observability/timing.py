"""How long the stages of one request took."""

import time
from dataclasses import dataclass, field
from typing import Final

STAGES: Final = ("decode", "queue", "inference", "postprocess")


@dataclass(slots=True)
class Timing:
    """When the stages of a request began and ended, in seconds of ``time.monotonic``; None for what has not happened.

    Attributes:
        began: of the request.
        received: the body is complete.
        read_began, read_ended: of decoding the frames.
        device_began, device_ended: of the first batch and of the last.
        ended: the answer is complete.
    """

    began: float = field(default_factory=time.monotonic)
    received: float | None = None
    read_began: float | None = None
    read_ended: float | None = None
    device_began: float | None = None
    device_ended: float | None = None
    ended: float | None = None

    def stages(self) -> dict[str, float]:
        """Milliseconds of the stages that ran."""
        decode = _between(self.read_began, self.read_ended)
        inference = _between(self.device_began, self.device_ended)
        waits = [_between(self.received, self.read_began), _between(self.read_ended, self.device_began)]
        queue = sum([wait for wait in waits if wait is not None]) if waits[0] is not None else None
        postprocess = _between(self.device_ended or self.read_ended, self.ended)
        found = {"decode": decode, "queue": queue, "inference": inference, "postprocess": postprocess}
        return {stage: took for stage, took in found.items() if took is not None}

    def finish(self) -> dict[str, float]:
        """Milliseconds of every stage and in total; 0 for a stage that did not run. The first call ends the request."""
        if self.ended is None:
            self.ended = time.monotonic()
        return dict.fromkeys(STAGES, 0.0) | self.stages() | {"total": 1e3 * (self.ended - self.began)}


def _between(began: float | None, ended: float | None) -> float | None:
    return None if began is None or ended is None else 1e3 * (ended - began)
