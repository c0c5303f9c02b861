"""A command that is told to end, ends as it does at Ctrl-C: what it has goes where it belongs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """SIGTERM, which ``docker stop`` and batch systems send, raises KeyboardInterrupt. For the main thread."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
