"""The threads of requests."""

from concurrent.futures import ThreadPoolExecutor


class Threads(ThreadPoolExecutor):
    """A pool that lives with fewer threads where there is no memory for another one.

    The standard library puts a task into its queue first and starts a thread then. If the start fails, the task still
    runs, but its caller gets the failure in place of the answer.
    """

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except (RuntimeError, MemoryError) as fault:  # "can't start new thread"
            if not self._threads:
                raise MemoryError(str(fault)) from fault
