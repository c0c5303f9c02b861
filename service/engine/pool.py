"""Threads for steps that answer to nobody: what runs tells of its end itself."""

import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

Step = Callable[[], None]


class Pool:
    """A fixed number of threads, and what waits for them; how much may wait is not decided here.

    ``concurrent.futures`` would make a future of every step, which nobody here asks: half of what a hand-over costs.

    Args:
        threads: how many.
        name: of the threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._closed = False
        self._threads = [Thread(target=self._work, name=f"{name}-{index}", daemon=True) for index in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, step: Step) -> None:
        """Run a step, which must raise nothing, when a thread is free.

        Raises:
            RuntimeError: the pool is closed.
        """
        if self._closed:
            raise RuntimeError("the pool is closed")
        self._steps.put(step)

    def close(self, within_s: float | None = None) -> None:
        """Run what waits, then end; a thread that takes longer is left behind."""
        self._closed = True
        for _ in self._threads:
            self._steps.put(None)
        deadline = None if within_s is None else time.monotonic() + within_s
        for thread in self._threads:
            thread.join(None if deadline is None else max(deadline - time.monotonic(), 0))

    def _work(self) -> None:
        while (step := self._steps.get()) is not None:
            step()
            del step  # or the last frames would stay in memory while nothing happens
