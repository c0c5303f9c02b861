"""How far reading may run ahead of the device.

Reading all that has arrived would take memory, and the cores of a network that runs on the CPU, for frames which then
wait all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock

from service.engine.pool import Step


@dataclass(eq=False, slots=True)
class Turn:
    """One request's, which only its ``ReadAhead`` changes.

    Attributes:
        read: called in another thread when it is this request's turn; must raise nothing.
        lose: told why that will never be.
        pixels: that it holds.
    """

    read: Callable[["Turn"], None]
    lose: Callable[[BaseException], None]
    pixels: int = 0
    left: bool = False


class ReadAhead:
    """Requests begin to read in the order of their arrival, while little that was read waits to be answered.

    Args:
        submit: runs a step in another thread; RuntimeError where it never will.
        threads: requests that read at once.
        pixels: once as many are read and not answered nobody begins; one request may hold more.
    """

    def __init__(self, submit: Callable[[Step], None], threads: int, pixels: int) -> None:
        self._submit, self._threads, self._pixels = submit, threads, pixels
        self._lock = Lock()
        self._waiting: dict[Turn, None] = {}  # ordered, and any of them leaves at once
        self._reading = self._held = 0

    def enter(self, turn: Turn) -> None:
        """Take a place behind those that wait."""
        with self._lock:
            self._waiting[turn] = None
        self._begin()

    def hold(self, turn: Turn, pixels: int) -> None:
        """So much was read, and is held until the request leaves; nothing if it has left meanwhile."""
        with self._lock:
            if not turn.left:
                turn.pixels += pixels
                self._held += pixels

    def leave(self, turn: Turn) -> None:
        """The request is at its end, whichever: what it holds is free, and it never begins to read."""
        with self._lock:
            turn.left = True
            self._waiting.pop(turn, None)
            self._held -= turn.pixels
            turn.pixels = 0
        self._begin()

    def _run(self, turn: Turn) -> None:
        try:
            turn.read(turn)
        finally:
            with self._lock:
                self._reading -= 1
            self._begin()

    def _begin(self) -> None:
        """Let all begin that may."""
        while (turn := self._next()) is not None:
            try:
                self._submit(partial(self._run, turn))
            except RuntimeError as fault:
                with self._lock:
                    self._reading -= 1
                turn.lose(fault)

    def _next(self) -> Turn | None:
        with self._lock:
            if not self._waiting or self._reading >= self._threads or self._held >= self._pixels:
                return None
            turn = next(iter(self._waiting))
            del self._waiting[turn]
            self._reading += 1
            return turn
