"""Time in tests: how they wait for another thread or process, and a clock that they set themselves."""

import time
from collections.abc import Callable

WITHIN_S = 60.0  # long, because a machine may be busy; a test that passes does not wait so long


def wait_until(condition: Callable[[], bool], otherwise: object, every_s: float = 0.02) -> None:
    """Ask again and again until ``condition`` holds; after ``WITHIN_S`` the test fails with ``otherwise``."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(every_s)


class Clock:
    """Seconds that pass when a test says so; call it to read it, as ``time.monotonic``."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
