"""One request on its way through the threads."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from itertools import islice
from threading import Lock
from typing import Generic, Protocol, TypeVar

from service.batching import Done
from service.timing import Timing
from service.work import Order, Tensor, Work

A = TypeVar("A")
Inferred = Future[Done[Tensor]]


class Errand(Generic[A]):
    """Frames are read in the pool, wait for the device, and are answered in the pool.

    Each thread hands over to the next, and the event loop hears of the end alone: to wake it between the stages would
    cost a request more than all its routing.

    Args:
        read: makes the work of a request's bytes.
        infer: queues tensors for the device.
        answer: makes the answer of the work and of ``[H, W]`` of each of its frames.
    """

    def __init__(
        self,
        pool: Executor,
        read: Callable[[], Work[A]],
        infer: "Infer",
        answer: Callable[[Work[A], Sequence[Tensor]], A],
        timing: Timing,
    ) -> None:
        self._pool, self._read, self._infer, self._answer, self._timing = pool, read, infer, answer, timing
        self._inferred: Sequence[Inferred] = ()
        self._left, self._lock = 0, Lock()
        self.end: Future[A] = Future()

    def start(self) -> None:
        """Set out; ``end`` tells what comes of it."""
        self._timing.mark()
        self._go_on(self._read_frames)

    def drop(self) -> None:
        """Nobody waits any more: what has not begun never begins."""
        self.end.cancel()
        for future in self._inferred:
            future.cancel()

    def _go_on(self, step: Callable[[], None]) -> None:
        try:
            self._pool.submit(self._take, step)
        except RuntimeError as fault:  # the process ends, and did not wait for this
            self._fail(fault)

    def _take(self, step: Callable[[], None]) -> None:
        if self.end.done():
            return
        try:
            step()
        except Exception as fault:
            self._fail(fault)

    def _fail(self, fault: BaseException) -> None:
        with suppress(InvalidStateError):
            self.end.set_exception(fault)
        self.drop()

    def _read_frames(self) -> None:
        self._work = work = self._read()
        self._timing.lap("decode")
        inputs = [tensor for one in work.ready for tensor in one.prepared.inputs]
        self._left = len(inputs)
        self._inferred = [self._infer(work.order, tensor) for tensor in inputs]
        for future in self._inferred:
            future.add_done_callback(self._hear)
        if self.end.done():
            self.drop()
        elif not inputs:
            self._answer_frames()

    def _hear(self, future: Inferred) -> None:
        """Called by whichever thread ends a future."""
        with self._lock:
            self._left -= 1
            left = self._left
        if future.cancelled() or self.end.done():
            return
        fault = future.exception()
        if fault is not None:
            self._fail(fault)
        elif not left:
            self._go_on(self._answer_frames)

    def _answer_frames(self) -> None:
        done = [future.result() for future in self._inferred]
        if done:
            self._timing.lap_device(min(one.began for one in done), max(one.ended for one in done))
        answer = self._answer(self._work, list(self._join(one.result for one in done)))
        self._timing.finish()
        with suppress(InvalidStateError):
            self.end.set_result(answer)

    def _join(self, results: Iterable[Tensor]) -> Iterable[Tensor]:
        """Probabilities ``[H, W]`` of each frame, of those of its windows."""
        windows = iter(results)
        for one in self._work.ready:
            yield one.prepared.join(list(islice(windows, len(one.prepared.inputs))), one.frame)


class Infer(Protocol):
    """Queues one tensor for the device."""

    def __call__(self, order: Order, tensor: Tensor, /) -> Inferred: ...
