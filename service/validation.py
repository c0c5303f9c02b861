"""What pydantic finds wrong, in the words of this service."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

RAISED: Final = "Value error, "  # before what a validator of our own says
UNKNOWN: Final = "extra_forbidden"
COMPARED: Final = 5  # unknown names, each of at most so many letters: a query of 32 KiB must not take long
LETTERS: Final = 32


def reword(message: str) -> str:
    """A message without what only pydantic's users know."""
    return message.removeprefix(RAISED)


def explain_unknown(faults: Iterable[ErrorDetails], names: Collection[str]) -> None:
    """Say of unknown parameters which was perhaps meant, and of the last which ``names`` there are."""
    unknown = [fault for fault in faults if fault["type"] == UNKNOWN]
    for index, fault in enumerate(unknown):
        near = _nearest(str(fault["loc"][-1]), names) if index < COMPARED else None
        fault["msg"] = f"no such parameter (did you mean {near}?)" if near else "no such parameter"
    if unknown:
        unknown[-1]["msg"] += f"; there are: {', '.join(names)}"


def _nearest(name: str, names: Collection[str]) -> str | None:
    return next(iter(get_close_matches(name[:LETTERS].lower(), names, 1)), None)
