"""The frames of a stream that were sent and not answered yet, and what the answers mean."""

import json
from collections import OrderedDict
from dataclasses import replace
from threading import Lock
from typing import Final

from rrcanet.detections import Detections
from rrcanet.errors import AnswerError
from rrcanet.frames import Item
from rrcanet.http.answers import read_frame

REMEMBERED: Final = 64  # frames that are kept to draw on, while their answers are waited for
UNKNOWN: Final = Item(b"", None, None, ())


class Unanswered:
    """Matches answers with frames. One thread may send while another receives.

    The content of a frame is forgotten once it is sent. What was given to the client is kept to draw on, of the latest
    frames alone, so that memory stays flat also if the server passes over frames.
    """

    def __init__(self) -> None:
        self._items: OrderedDict[int, Item] = OrderedDict()
        self._sent, self._lock = 0, Lock()

    def send(self, item: Item) -> bytes:
        """The message for the next frame."""
        with self._lock:
            self._items[self._sent] = replace(item, content=b"")
            self._sent += 1
            if len(self._items) > REMEMBERED:
                self._items.popitem(last=False)
        return item.content

    def receive(self, text: str | bytes) -> Detections:
        """The detections in an answer.

        Raises:
            AnswerError: it is not the answer to a frame that was sent.
        """
        try:
            entry = json.loads(text)
            index = int(entry["index"])
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise AnswerError(f"the stream has something else than answers: {error!r}") from error
        rest = {"model": entry.pop("model", None), "timing_ms": entry.pop("timing_ms", None)}
        return read_frame(entry, "the answer", self._take(index), rest)

    def _take(self, index: int) -> Item:
        """The frame with this number. Those before it were passed over: answers come in order."""
        with self._lock:
            if not 0 <= index < self._sent:
                raise AnswerError(f"the stream answers frame {index}, but {self._sent} were sent")
            item = self._items.pop(index, UNKNOWN)
            while self._items and next(iter(self._items)) < index:
                self._items.popitem(last=False)
        return item
