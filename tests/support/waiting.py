"""How tests wait for something that another thread or process does."""

import time
from collections.abc import Callable

WITHIN_S = 60.0  # long, because a machine may be busy; a test that passes does not wait so long


def wait_until(condition: Callable[[], bool], otherwise: object, every_s: float = 0.02) -> None:
    """Ask again and again until ``condition`` holds; after ``WITHIN_S`` the test fails with ``otherwise``."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(every_s)
