"""One request on its way through the threads."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from threading import Lock
from typing import Generic, Protocol, TypeVar

from service.batching import Done
from service.errors import ServiceError
from service.pool import Pool, Step
from service.promise import Promise
from service.timing import Timing
from service.work import Order, Ready, Tensor, Work

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
        latest: time.monotonic at which nobody waits any more; the work may turn out to be due earlier.
    """

    def __init__(
        self,
        pool: Pool,
        read: Callable[[], Work[A]],
        infer: "Infer",
        answer: Callable[[Work[A], Sequence[Tensor]], A],
        latest: float,
        timing: Timing,
    ) -> None:
        self._pool, self._read, self._infer, self._answer, self._timing = pool, read, infer, answer, timing
        self._inferred: Sequence[Inferred] = ()
        self._left, self._lock = 0, Lock()
        self._end: Promise[A] = Promise(latest)

    async def run(self) -> A:
        """Set out, and wait for the answer.

        Raises:
            ServiceError: the deadline passed, or whatever one of the steps raised.
        """
        self._timing.mark()
        self._go_on(self._read_frames)
        try:
            return await self._end.wait()
        finally:
            self._drop()
            del self  # as in Promise.wait

    def _drop(self) -> None:
        """Nobody waits any more: what has not begun never begins, and frames are let go."""
        inferred, self._inferred = self._inferred, ()
        for future in inferred:
            future.cancel()

    def _go_on(self, step: Step) -> None:
        try:
            self._pool.submit(partial(self._take, step))
        except RuntimeError as fault:  # the process ends, and did not wait for this
            self._fail(fault)

    def _take(self, step: Step) -> None:
        if self._end.over:
            return
        try:
            step()
        except Exception as fault:
            self._fail(fault)

    def _fail(self, fault: BaseException) -> None:
        if isinstance(fault, ServiceError):
            fault = fault.bare()
        self._end.break_with(fault)
        self._drop()

    def _read_frames(self) -> None:
        work = self._read()
        self._end.hasten(work.order.deadline)
        self._timing.lap("decode")
        inputs = [tensor for one in work.ready for tensor in one.prepared.inputs]
        self._left = len(inputs)
        self._inferred = inferred = [self._infer(work.order, tensor) for tensor in inputs]
        for future in inferred:
            future.add_done_callback(partial(self._hear, work))
        if self._end.over:
            self._drop()
        elif not inputs:
            self._answer_frames(work, ())

    def _hear(self, work: Work[A], future: Inferred) -> None:
        """Called by whichever thread ends a future."""
        with self._lock:
            self._left -= 1
            left = self._left
        if future.cancelled() or self._end.over:
            return
        fault = future.exception()
        if fault is not None:
            self._fail(fault)
        elif not left:
            inferred, self._inferred = self._inferred, ()
            self._go_on(lambda: self._answer_frames(work, [future.result() for future in inferred]))

    def _answer_frames(self, work: Work[A], done: Sequence[Done[Tensor]]) -> None:
        if done:
            self._timing.lap_device(min(one.began for one in done), max(one.ended for one in done))
        answer = self._answer(work, list(_join(work.ready, (one.result for one in done))))
        self._timing.finish()
        self._end.keep(answer)


class Infer(Protocol):
    """Queues one tensor for the device."""

    def __call__(self, order: Order, tensor: Tensor, /) -> Inferred: ...


def _join(ready: Sequence[Ready], results: Iterator[Tensor]) -> Iterator[Tensor]:
    """Probabilities ``[H, W]`` of each frame, of those of its windows."""
    for one in ready:
        yield one.prepared.join(list(islice(results, len(one.prepared.inputs))), one.frame)
