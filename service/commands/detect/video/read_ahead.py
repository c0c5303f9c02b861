"""Runs one step of a video in a thread of its own, a few frames ahead of the step that takes its results."""

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
        name: of the thread.
        may_drop: when the buffer is full, the oldest item is dropped and counted; otherwise the thread waits.
        on_close: is called by ``close``.
    """

    def __init__(
        self, items: Iterator[Item], name: str, may_drop: bool = False, on_close: Callable[[], None] = lambda: None
    ) -> None:
        self._items, self._may_drop, self._on_close = items, may_drop, on_close
        self._buffer: deque[Item] = deque()
        self._changed = Condition()
        self._ended = self._closed = False
        self._error: Exception | None = None
        self.dropped = 0
        self._thread = Thread(target=self._read, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        if items := self.take(1):
            return items[0]
        raise StopIteration

    def take(self, most: int) -> list[Item]:
        """Take the items that wait, ``most`` at most; wait for one if there is none. Empty when all are taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._ended or self._closed)
            taken = [self._buffer.popleft() for _ in range(min(most, len(self._buffer)))]
            self._changed.notify_all()
        if not taken and self._error is not None:
            raise self._error
        return taken

    def close(self) -> None:
        """End the thread at its next item."""
        with self._changed:
            self._closed = True
            self._buffer.clear()
            self._changed.notify_all()
        self._on_close()

    def join(self) -> None:
        """Wait for the end of the thread."""
        self._thread.join()

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
        """Add an item; False once no reader is left."""
        with self._changed:
            if self._may_drop and len(self._buffer) >= AHEAD:
                self._buffer.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: self._closed or len(self._buffer) < AHEAD)
            if not self._closed:
                self._buffer.append(item)
                self._changed.notify_all()
            return not self._closed
