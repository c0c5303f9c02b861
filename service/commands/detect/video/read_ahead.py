"""Decodes and prepares frames in a thread beside the network, a few frames ahead."""

from collections import deque
from collections.abc import Callable, Iterator
from threading import Condition, Thread
from typing import Final, Generic, TypeVar

AHEAD: Final = 4  # frames

Item = TypeVar("Item")


class ReadAhead(Generic[Item]):
    """An iterator that another iterator is read into by a thread.

    Args:
        items: read in the thread; an exception of it is raised where the items are taken.
        may_drop: when the buffer is full, the oldest item is dropped and counted; otherwise the thread waits.
        on_close: is called when nothing more is wanted.
    """

    def __init__(self, items: Iterator[Item], may_drop: bool, on_close: Callable[[], None] = lambda: None) -> None:
        self._items, self._may_drop, self._on_close = items, may_drop, on_close
        self._buffer: deque[Item] = deque()
        self._changed = Condition()
        self._ended = self._closed = False
        self._error: Exception | None = None
        self.dropped = 0
        Thread(target=self._read, name="read-ahead", daemon=True).start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._ended)
            if self._buffer:
                item = self._buffer.popleft()
                self._changed.notify_all()
                return item
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        """End the thread at its next frame."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._on_close()

    def _read(self) -> None:
        try:
            for item in self._items:
                if not self._put(item):
                    break
        except Exception as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _put(self, item: Item) -> bool:
        """Add an item; False once nothing more is wanted."""
        with self._changed:
            if self._may_drop and len(self._buffer) >= AHEAD:
                self._buffer.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: self._closed or len(self._buffer) < AHEAD)
            self._buffer.append(item)
            self._changed.notify_all()
            return not self._closed
