"""Retries of frames that a busy service has refused: a bounded number, after bounded waits."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Final

from export.evaluation.source import BusyError, FrameAnswer, Source

RETRIES: Final = 10
SHORTEST_WAIT_S, USUAL_WAIT_S, LONGEST_WAIT_S = 0.1, 1.0, 30.0


class Retry:
    """The retries of one evaluation. Several threads may share one object."""

    def __init__(self) -> None:
        self._cancelled = Event()

    def find(self, source: Source, frame: bytes, probabilities: bool) -> FrameAnswer:
        """Call ``source.find`` and repeat the call while the source is busy.

        Raises:
            SourceError: the source gives no answer, or is still busy after the last retry.
        """
        for _ in range(RETRIES):
            try:
                return source.find(frame, probabilities)
            except BusyError as busy:
                if self._cancelled.wait(busy.retry_after_s):
                    raise
        try:
            return source.find(frame, probabilities)
        except BusyError as busy:
            raise BusyError(f"{busy}; sent {RETRIES + 1} times", busy.retry_after_s) from busy

    def cancel(self) -> None:
        """End all waits at once. The frames that were waiting fail with ``BusyError``."""
        self._cancelled.set()


def read_retry_after(header: str | None) -> float:
    """Seconds to wait by a ``Retry-After`` header, which holds seconds or a date.

    The result lies between ``SHORTEST_WAIT_S`` and ``LONGEST_WAIT_S``. It is ``USUAL_WAIT_S`` if the header is
    missing or cannot be parsed.
    """
    return min(max(_seconds(header or ""), SHORTEST_WAIT_S), LONGEST_WAIT_S)


def _seconds(header: str) -> float:
    if header.isdecimal():
        return float(header[:9])
    try:
        return (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):  # not a date, or a date without a time zone
        return USUAL_WAIT_S
