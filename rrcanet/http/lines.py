"""Answers that come frame by frame: ``application/x-ndjson``, a line for each frame and a last one."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rrcanet.detections import Detections
from rrcanet.errors import AnswerError, Refusal, Unreachable
from rrcanet.frames import Item
from rrcanet.http.answers import failed, item_of, read_frame
from rrcanet.http.exchanges import DETECT, OF_A_FRAME, OF_THE_SIZE, answered, body_of
from rrcanet.http.problems import read_refusal
from rrcanet.http.steps import Exchange, Reply, Send
from rrcanet.http.wire import LINES

ACCEPT: Final = f"{LINES}, application/json;q=0.5"  # a server that is too old for lines answers in one piece


def open_lines(items: Sequence[Item], query: Mapping[str, str], retries: int) -> Exchange[Reply]:
    """The beginning of an answer; its lines are not read yet.

    Raises:
        Refusal, Unreachable: the server refuses the request before its first line.
    """
    return answered(Send("POST", DETECT, query, body_of(items), ACCEPT), retries)


def apart(items: Sequence[Item], error: Refusal) -> tuple[list[Detections], list[Sequence[Item]]]:
    """What to do after a refusal: detections that are known by it, and the smaller requests to send in place of one.

    Raises:
        Refusal: the same, if a smaller request would not help.
    """
    if isinstance(error, OF_THE_SIZE) and len(items) > 1:
        middle = len(items) // 2
        return [], [items[:middle], items[middle:]]
    if isinstance(error, OF_A_FRAME):
        return [failed(items[0], error)], []
    raise error


class LineReader:
    """Reads the lines of one answer.

    Args:
        items: that were sent.
        reply: the beginning of the answer.
    """

    def __init__(self, items: Sequence[Item], reply: Reply) -> None:
        self._items, self._reply = items, reply
        self._request_id = reply.headers.get("x-request-id")
        self._is_whole = False

    def read(self, line: str) -> Detections | None:
        """The detections in a line; None for the last line.

        Raises:
            AnswerError: it is no line of ``POST /v1/detect``.
            Refusal: the server could not answer the other frames.
        """
        try:
            entry: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AnswerError(f"a line is no JSON: {error}") from error
        if not isinstance(entry, dict) or self._is_whole:
            raise AnswerError("a line must be an object, and none may follow the last one")
        if "done" not in entry:
            return read_frame(entry, "a line", item_of(entry, self._items), request_id=self._request_id)
        if entry["done"] is not True:
            raise self._refusal(entry.get("problem"))
        self._is_whole = True
        return None

    def end(self) -> None:
        """Check that the last line was there.

        Raises:
            Unreachable: the connection ended before it.
        """
        if not self._is_whole:
            raise Unreachable("the answer ended before its last line, so frames are missing")

    def _refusal(self, problem: Any) -> Refusal:
        status = problem.get("status") if isinstance(problem, dict) else None
        known = status if isinstance(status, int) else 500
        return read_refusal(Reply(known, "", self._reply.headers, json.dumps(problem).encode()))
