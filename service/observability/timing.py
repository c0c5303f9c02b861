"""How long the stages of one request took."""

import time
from dataclasses import dataclass, field
from typing import Final

STAGES: Final = ("decode", "queue", "inference", "postprocess")


@dataclass(slots=True)
class Timing:
    """When the stages of a request began and ended, in seconds of ``time.monotonic``; None for what has not happened.

    The log also takes from here how much was found.

    Attributes:
        began: of the request.
        received: the body is complete.
        read_began, read_ended: of decoding the frames.
        device_began, device_ended: of the first batch and of the last.
        ended: the answer is complete.
        frames, targets: number of those that were answered.
    """

    began: float = field(default_factory=time.monotonic)
    received: float | None = None
    read_began: float | None = None
    read_ended: float | None = None
    device_began: float | None = None
    device_ended: float | None = None
    ended: float | None = None
    frames: int = 0
    targets: int = 0

    def stages(self) -> dict[str, float]:
        """Milliseconds of the stages that ran."""
        found: dict[str, float] = {}
        if self.read_began is not None and self.read_ended is not None:
            found["decode"] = 1e3 * (self.read_ended - self.read_began)
        if self.received is not None and self.read_began is not None:
            found["queue"] = 1e3 * (self.read_began - self.received)
        if self.device_began is not None and self.device_ended is not None:
            found["inference"] = 1e3 * (self.device_ended - self.device_began)
            if self.read_ended is not None and "queue" in found:
                found["queue"] += 1e3 * (self.device_began - self.read_ended)
        worked = self.device_ended if self.device_ended is not None else self.read_ended
        if worked is not None and self.ended is not None:
            found["postprocess"] = 1e3 * (self.ended - worked)
        return found

    def finish(self) -> dict[str, float]:
        """Milliseconds of every stage and in total; 0 for a stage that did not run. The first call ends the request."""
        if self.ended is None:
            self.ended = time.monotonic()
        return dict.fromkeys(STAGES, 0.0) | self.stages() | {"total": 1e3 * (self.ended - self.began)}
