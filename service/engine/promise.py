"""An answer that the event loop waits for and another thread gives."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from service.errors import Reason, ServiceError

A = TypeVar("A")
B = TypeVar("B")


class Promise(Generic[A]):
    """Kept or broken once, by any thread, and broken by itself at its deadline.

    ``asyncio.wrap_future`` within ``asyncio.timeout`` does this too, with two futures, their locks and a chain of
    callbacks: a tenth of a request's CPU beside its frame.

    Args:
        latest: time.monotonic of the deadline.

    Attributes:
        over: it is kept, broken, or nobody waits for it; any thread may look.
    """

    def __init__(self, latest: float) -> None:
        self.over = False
        self._latest = latest
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[A] = self._loop.create_future()
        self._timer = self._loop.call_later(latest - time.monotonic(), self._expire)

    async def wait(self) -> A:
        """The answer.

        Raises:
            ServiceError: ``deadline_exceeded``.
            Exception: what it was broken with.
        """
        try:
            return await self._future
        finally:
            self.over = True
            self._timer.cancel()
            del self  # the frames of a traceback would hold it, and it holds the exception

    def keep(self, answer: A) -> None:
        """Give the answer."""
        self._tell(self._future.set_result, answer)

    def break_with(self, fault: BaseException) -> None:
        """There will be no answer."""
        self._tell(self._future.set_exception, fault)

    def hasten(self, latest: float) -> None:
        """Somebody waits no longer than this."""
        if latest < self._latest:
            self._call(self._hasten, latest)

    def _tell(self, how: Callable[[B], None], what: B) -> None:
        self.over = True
        self._call(self._tell_once, how, what)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the event loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(function, *arguments)

    def _tell_once(self, how: Callable[[B], None], what: B) -> None:
        if not self._future.done():
            how(what)

    def _hasten(self, latest: float) -> None:
        self._timer.cancel()
        if not self._future.done():
            self._timer = self._loop.call_later(latest - time.monotonic(), self._expire)

    def _expire(self) -> None:
        detail = "the deadline passed before every frame was answered"
        self._tell_once(self._future.set_exception, ServiceError(Reason.DEADLINE_EXCEEDED, detail))
