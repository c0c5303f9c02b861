"""How long to wait before a request is sent again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

RETRIES: Final = 10
SHORTEST_WAIT_S, USUAL_WAIT_S, LONGEST_WAIT_S = 0.1, 1.0, 30.0


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
