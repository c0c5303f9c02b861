"""A service that is busy is asked again, a bounded number of times and after bounded waits."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Final

from export.evaluation.source import BusyError, Found, Source

REPEATS: Final = 10
SHORTEST_WAIT_S, USUAL_WAIT_S, LONGEST_WAIT_S = 0.1, 1.0, 30.0


class Patience:
    """Of one evaluation; may be used from several threads."""

    def __init__(self) -> None:
        self._over = Event()

    def find(self, source: Source, frame: bytes, probabilities: bool) -> Found:
        """``source.find``, again while it is busy.

        Raises:
            SourceError: it was not answered, or is still busy.
        """
        for _ in range(REPEATS):
            try:
                return source.find(frame, probabilities)
            except BusyError as busy:
                if self._over.wait(busy.retry_after_s):
                    raise
        try:
            return source.find(frame, probabilities)
        except BusyError as busy:
            raise BusyError(f"{busy}; asked {REPEATS + 1} times", busy.retry_after_s) from busy

    def end(self) -> None:
        """Nobody waits any longer."""
        self._over.set()


def read_retry_after(told: str | None) -> float:
    """Seconds of a header ``Retry-After``, which tells seconds or a date; bounded, and usual where it tells neither."""
    return min(max(_seconds(told or ""), SHORTEST_WAIT_S), LONGEST_WAIT_S)


def _seconds(told: str) -> float:
    if told.isdecimal():
        return float(told[:9])
    try:
        return (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # no date; one of no zone
        return USUAL_WAIT_S
