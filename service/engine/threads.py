"""The threads of requests."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Threads(ThreadPoolExecutor):
    """A pool that lives with fewer threads where there is no memory for another one.

    The standard library puts a task into its queue first and starts a thread then. If the start fails, the task still
    runs, but its caller gets the failure in place of the answer.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._without_thread = 0  # tasks whose thread could not start

    def _adjust_thread_count(self) -> None:
        # Python 3.11 counts a thread as idle after each task, also when it takes one that waited
        while self._without_thread and self._idle_semaphore.acquire(timeout=0):
            self._without_thread -= 1
        try:
            super()._adjust_thread_count()
        except (RuntimeError, MemoryError) as fault:  # "can't start new thread"
            if not self._threads:
                raise MemoryError(str(fault)) from fault
            self._without_thread += 1
