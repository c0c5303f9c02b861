"""A driver that hangs raises nothing: no run ends, and those who wait run into their deadlines."""

from collections.abc import Callable
from typing import Final

HANGS_S: Final = 60.0  # at least: the largest batch takes seconds on a slow CPU, the first run on CUDA likewise


class HangWatch:
    """Notices a run that does not end.

    Time is counted in looks, since a clock goes on while the process is paused.

    Args:
        running_since: what tells runs apart; None where there is none.
        every_s: between two looks.
        request_timeout_s: nobody waits longer for a run.
    """

    def __init__(self, running_since: Callable[[], float | None], every_s: float, request_timeout_s: float) -> None:
        self._running_since, self._every_s = running_since, every_s
        self._patience_s = max(HANGS_S, 2 * request_timeout_s)
        self._run: float | None = None
        self._looks = 0

    def look(self) -> float | None:
        """For how many seconds a run has gone on, if it will not end; None elsewhere."""
        run = self._running_since()
        self._looks = self._looks + 1 if run is not None and run == self._run else 0
        self._run = run
        waited = self._looks * self._every_s
        return waited if waited > self._patience_s else None
