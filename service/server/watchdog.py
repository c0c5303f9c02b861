"""A watchdog for the device: a driver that hangs raises nothing, and no run ends any more."""

from collections.abc import Callable
from typing import Final

HANGS_S: Final = 60.0  # at least: the largest batch takes seconds on a slow CPU, and so does the first run on CUDA


class Watchdog:
    """Notices a run that does not end.

    It counts its own looks in place of seconds, because a clock goes on while the process is paused.

    Args:
        running_since: identifies the current run; None while the device is idle.
        every_s: seconds between two looks.
        request_timeout_s: no request waits longer than this.
    """

    def __init__(self, running_since: Callable[[], float | None], every_s: float, request_timeout_s: float) -> None:
        self._running_since, self._every_s = running_since, every_s
        self._limit_s = max(HANGS_S, 2 * request_timeout_s)
        self._run: float | None = None
        self._looks = 0

    def look(self) -> float | None:
        """Seconds that a run has lasted, if it is taken to hang; None otherwise."""
        run = self._running_since()
        self._looks = self._looks + 1 if run is not None and run == self._run else 0
        self._run = run
        waited = self._looks * self._every_s
        return waited if waited > self._limit_s else None
