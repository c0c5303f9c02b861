"""One request on its way through the threads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from service.detection.detector import Prepared
from service.engine.batching import Caller, Done
from service.engine.orders import Order, Tensor, Work
from service.engine.pool import Pool, Step
from service.engine.promise import Promise
from service.engine.readahead import ReadAhead, Turn
from service.errors import ServiceError
from service.observability.timing import Timing

A = TypeVar("A")


class Errand(Generic[A]):
    """Frames are read in the pool, wait for the device, and are answered in the pool.

    Each thread hands over to the next, and the event loop hears of the end alone: to wake it between the stages would
    cost a request more than all its routing.

    Args:
        ahead: when to begin with reading.
        read: makes the work of a request's bytes.
        infer: queues tensors for the device.
        infer_here: runs a lone tensor in the calling thread, or gives None where it has to be queued.
        answer: makes the answer of the work and of ``[H, W]`` of each of its frames.
        latest: time.monotonic at which nobody waits any more; the work may turn out to be due earlier.
    """

    def __init__(
        self,
        pool: Pool,
        ahead: ReadAhead,
        read: Callable[[], Work[A]],
        infer: Callable[[Order, Tensor, Caller[Tensor, Tensor]], None],
        infer_here: Callable[[Order, Tensor], Done[Tensor] | None],
        answer: Callable[[Work[A], Sequence[Tensor]], A],
        latest: float,
        timing: Timing,
    ) -> None:
        self._pool, self._ahead, self._timing = pool, ahead, timing
        self._read, self._infer, self._infer_here, self._answer = read, infer, infer_here, answer
        self._end: Promise[A] = Promise(latest)
        self._waiting: _Waiting[A] | None = None

    async def run(self) -> A:
        """Set out, and wait for the answer.

        Raises:
            ServiceError: the deadline passed, or whatever one of the steps raised.
        """
        self._timing.mark()
        turn = Turn(self._begin, self._fail)
        self._ahead.enter(turn)
        try:
            return await self._end.wait()
        finally:
            self._forget()  # as the account of what is read does: the device may be busy for long
            self._ahead.leave(turn)
            del self, turn  # as in Promise.wait

    def _begin(self, turn: Turn) -> None:
        self._take(partial(self._read_frames, turn))

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

    def _read_frames(self, turn: Turn) -> None:
        self._timing.lap("queue")
        work = self._read()
        self._end.hasten(work.order.deadline)
        self._timing.lap("decode")
        inputs = [tensor for one in work.ready for tensor in one.inputs]
        self._ahead.hold(turn, sum(tensor.size for tensor in inputs))
        if self._end.over:
            return
        if not inputs:
            self._answer_frames(work, ())
            return
        if len(inputs) == 1 and (done := self._infer_here(work.order, inputs[0])) is not None:
            self._answer_frames(work, (done,))
            return
        self._waiting = waiting = _Waiting(inputs, self._end, partial(self._answer_later, work), self._fail)
        for index, tensor in enumerate(inputs):
            self._infer(work.order, tensor, _Place(waiting, index))
        self._forget_if_over()  # it may have left meanwhile, and forgotten what was there by then

    def _forget_if_over(self) -> None:
        if self._end.over:
            self._forget()

    def _forget(self) -> None:
        if self._waiting is not None:
            self._waiting.forget()

    def _answer_later(self, work: Work[A], done: Sequence[Done[Tensor]]) -> None:
        self._go_on(partial(self._answer_frames, work, done))

    def _answer_frames(self, work: Work[A], done: Sequence[Done[Tensor]]) -> None:
        if done:
            self._timing.lap_device(min(one.began for one in done), max(one.ended for one in done))
        answer = self._answer(work, list(_join(work.ready, (one.result for one in done))))
        self._timing.finish()
        self._end.keep(answer)


class _Waiting(Generic[A]):
    """A request whose tensors are at the device; but for ``forget``, the device's thread alone tells it of them."""

    def __init__(
        self,
        tensors: Sequence[Tensor],
        end: Promise[A],
        go_on: Callable[[Sequence[Done[Tensor]]], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._number, self._end = len(tensors), end
        self._held: _Held | None = _Held(tensors, go_on, fail, {})  # read once by each: it may go at any moment

    def tensor(self, index: int) -> Tensor | None:
        held = self._held
        return None if held is None or self._end.over else held.tensors[index]

    def keep(self, index: int, done: Done[Tensor]) -> None:
        held = self._held
        if held is None or self._end.over:
            return
        held.done[index] = done
        if len(held.done) == self._number:
            held.go_on([held.done[index] for index in range(self._number)])

    def fail(self, fault: Exception) -> None:
        if (held := self._held) is not None:
            held.fail(fault)

    def forget(self) -> None:
        """Jobs of a request that is over stay in the queue until it is their turn: they must not hold its frames."""
        self._held = None


class _Held(NamedTuple):
    """All through which a request's frames can be reached."""

    tensors: Sequence[Tensor]
    go_on: Callable[[Sequence[Done[Tensor]]], None]
    fail: Callable[[Exception], None]
    done: dict[int, Done[Tensor]]


@dataclass(frozen=True, slots=True)
class _Place(Generic[A]):
    """Of one tensor among those of its request."""

    waiting: _Waiting[A]
    index: int

    @property
    def work(self) -> Tensor | None:
        return self.waiting.tensor(self.index)

    def keep(self, done: Done[Tensor], /) -> None:
        self.waiting.keep(self.index, done)

    def lose(self, fault: Exception, /) -> None:
        self.waiting.fail(fault)


def _join(ready: Sequence[Prepared], results: Iterator[Tensor]) -> Iterator[Tensor]:
    """Probabilities ``[H, W]`` of each frame, of those of its windows."""
    for one in ready:
        yield one.join(list(islice(results, len(one.inputs))))
