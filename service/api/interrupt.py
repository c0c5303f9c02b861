"""A wait that something else may end."""

import asyncio
from types import TracebackType


class Interrupt:
    """Cancels the task that entered it, once ``end`` is called; the wait within then raises ``Interrupted``.

    As ``asyncio.timeout``, but for any cause, and entered and left without a coroutine: every request does so twice.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._ended = False

    def __enter__(self) -> "Interrupt":
        self._task = asyncio.current_task()
        return self

    def end(self, *_: object) -> None:
        """To be called on the event loop."""
        if self._task is not None:
            self._ended = True
            self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        task, self._task = self._task, None
        if self._ended and kind is asyncio.CancelledError and task is not None and not task.uncancel():
            raise Interrupted from None


class Interrupted(Exception):
    """The wait was ended."""
