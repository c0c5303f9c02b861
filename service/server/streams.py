"""The open streams of the process: how many there may be, and how they end when the process stops."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from service.errors import Reason, ServiceError
from service.observability.metrics import Metrics


class Streams:
    """All open streams.

    Args:
        most: streams that may be open.
        metrics: show how many are.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most = most
        self._open: dict[object, Callable[[], object]] = {}
        metrics.watch_streams(lambda: len(self._open), most)

    @contextmanager
    def enter(self, drain: Callable[[], object]) -> Iterator[None]:
        """Open a stream for the length of the ``with`` block.

        Args:
            drain: takes no further frames, answers those that wait, and closes the stream.

        Raises:
            ServiceError: ``queue_full``; too many streams are open.
        """
        if len(self._open) >= self._most:
            detail = f"{len(self._open)} streams are open, and no more may be; try again later"
            raise ServiceError(Reason.QUEUE_FULL, detail, retry_after_s=1)
        key = object()
        self._open[key] = drain
        try:
            yield
        finally:
            del self._open[key]

    def drain(self) -> None:
        """End every stream; each first answers the frames that wait."""
        for drain in list(self._open.values()):
            drain()
