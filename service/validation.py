"""Turns the faults that pydantic finds into messages for users of this service."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Final

from pydantic_core import ErrorDetails

RAISED: Final = "Value error, "  # pydantic puts this before the message of a validator
UNKNOWN: Final = "extra_forbidden"
COMPARED: Final = 5  # at most so many unknown names get a suggestion, since a query may have 32 KiB
LETTERS: Final = 32  # at most so many letters of a name are compared


def reword(message: str) -> str:
    """The message without pydantic's prefix."""
    return message.removeprefix(RAISED)


def explain_unknown(faults: Iterable[ErrorDetails], names: Collection[str]) -> None:
    """Add the most similar name to the message of each unknown parameter, and all ``names`` to the last message."""
    unknown = [fault for fault in faults if fault["type"] == UNKNOWN]
    for index, fault in enumerate(unknown):
        near = _nearest(str(fault["loc"][-1]), names) if index < COMPARED else None
        fault["msg"] = f"no such parameter (did you mean {near}?)" if near else "no such parameter"
    if unknown:
        unknown[-1]["msg"] += f"; the parameters are: {', '.join(names)}"


def _nearest(name: str, names: Collection[str]) -> str | None:
    return next(iter(get_close_matches(name[:LETTERS].lower(), names, 1)), None)
