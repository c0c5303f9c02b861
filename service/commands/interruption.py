"""How a command that writes files ends early: SIGTERM acts as Ctrl-C does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM, which ``docker stop`` and batch systems send, as Ctrl-C does.

    So an interrupted command can write the results that it has, or say what is missing. Only the main thread may call
    this.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
