"""Time that passes when a test says so."""


class Clock:
    """Seconds; call it to read it, as ``time.monotonic``."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
