"""What runs together, in which order, and what becomes of the rest."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import pytest

from service.engine.batching import Done, Job, Queue, Worker
from service.errors import Reason, ServiceError
from tests.support.clock import Clock

NEVER = 1e9
WITHIN_S = 10.0


class Waiting:
    """A caller that waits for its job, until it leaves."""

    def __init__(self, work: int) -> None:
        self.work: int | None = work
        self._end: Future[Done[int]] = Future()

    def keep(self, done: Done[int], /) -> None:
        self._end.set_result(done)

    def lose(self, fault: Exception, /) -> None:
        self._end.set_exception(fault)

    def leave(self) -> None:
        self.work = None

    def result(self, timeout: float) -> Done[int]:
        return self._end.result(timeout)

    @property
    def told(self) -> bool:
        return self._end.done()


def job(key: str, work: int, entered: float, size: int = 1, deadline: float = NEVER) -> Job[str, int, int]:
    return Job(key, size, entered, deadline, Waiting(work))


def caller_of(one: Job[str, int, int]) -> Waiting:
    assert isinstance(one.caller, Waiting)
    return one.caller


def queue_of(*jobs: Job[str, int, int], max_batch: int = 8, max_size: int = 1000) -> Queue[str, int, int]:
    queue: Queue[str, int, int] = Queue(max_batch, lambda _: max_size)
    for one in jobs:
        queue.put(one)
    return queue


def works_of(batch: Sequence[Job[str, int, int]]) -> list[int | None]:
    return [one.caller.work for one in batch]


def batches(queue: Queue[str, int, int], now: float = 0.0) -> list[list[int | None]]:
    """Everything that the queue gives, batch by batch."""
    taken = []
    while batch := queue.take(now):
        taken.append(works_of(batch))
    return taken


def test_the_oldest_goes_first_and_takes_along_only_its_own_kind() -> None:
    queue = queue_of(job("a", 1, 0.1), job("b", 2, 0.2), job("a", 3, 0.3), job("c", 4, 0.4), job("b", 5, 0.5))
    assert batches(queue) == [[1, 3], [2, 5], [4]]
    assert not queue


def test_a_kind_that_keeps_coming_starves_no_other() -> None:
    queue = queue_of(job("a", 1, 0.1), job("a", 2, 0.2), job("b", 3, 0.25), job("a", 4, 0.3), max_batch=2)
    queue.put(job("a", 5, 0.4))
    assert batches(queue) == [[1, 2], [3], [4, 5]]


def test_a_batch_is_bounded_by_jobs() -> None:
    assert batches(queue_of(*(job("a", n, n) for n in range(5)), max_batch=2)) == [[0, 1], [2, 3], [4]]


def test_a_batch_is_bounded_by_pixels() -> None:
    sizes = (40, 60, 1, 99, 100, 5)
    queue = queue_of(*(job("a", size, at, size) for at, size in enumerate(sizes)), max_size=100)
    assert batches(queue) == [[40, 60], [1, 99], [100], [5]]


def test_a_job_larger_than_a_batch_runs_alone() -> None:
    queue = queue_of(job("a", 1, 0, 500), job("a", 2, 1, 1), job("a", 3, 2, 500), max_size=100)
    assert batches(queue) == [[1], [2], [3]]


def test_a_job_whose_caller_has_left_is_dropped_and_leaves_its_place_to_others() -> None:
    left, *others = (job("a", n, n) for n in range(3))
    queue = queue_of(left, *others, max_batch=2)
    caller_of(left).leave()
    assert batches(queue) == [[1, 2]]


def test_a_job_past_its_deadline_is_dropped_and_told() -> None:
    late, punctual = job("a", 1, 0, deadline=5), job("a", 2, 1, deadline=6)
    assert batches(queue_of(late, punctual), now=5) == [[2]]
    with pytest.raises(ServiceError) as caught:
        caller_of(late).result(0)
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED


def test_a_job_that_cannot_be_done_by_its_deadline_is_not_begun() -> None:
    hopeless, other = job("a", 1, 0, size=100, deadline=10.5), job("a", 2, 1, size=100, deadline=12)
    taken = queue_of(hopeless, other).take(now=10, pace=lambda _: 0.01)
    assert works_of(taken) == [2]
    with pytest.raises(ServiceError, match="the deadline will have passed before the answer"):
        caller_of(hopeless).result(0)


def test_a_batch_stays_so_small_that_nobody_in_it_is_late() -> None:
    queue = queue_of(*(job("a", n, n, size=100, deadline=12.5) for n in range(4)))
    assert works_of(queue.take(now=10, pace=lambda _: 0.01)) == [0, 1]
    assert works_of(queue.take(now=10)) == [2, 3]


def test_a_late_comer_in_a_hurry_waits_for_the_next_batch() -> None:
    queue = queue_of(job("a", 1, 0, size=100), job("a", 2, 1, size=100, deadline=11.5))
    assert works_of(queue.take(now=10, pace=lambda _: 0.01)) == [1]


def test_where_every_job_of_a_kind_is_dropped_the_next_kind_runs() -> None:
    late, left, other = job("a", 1, 0, deadline=1), job("a", 2, 0.1), job("b", 3, 0.2)
    caller_of(left).leave()
    queue = queue_of(late, left, other)
    assert batches(queue, now=2) == [[3]]


def test_a_queue_of_dropped_jobs_gives_nothing_and_is_empty() -> None:
    left = job("a", 1, 0)
    caller_of(left).leave()
    queue = queue_of(left)
    assert queue
    assert queue.take(0) == []
    assert not queue


class Device:
    """Squares numbers, when it is let; batches as they came are in ``ran``."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, list[int]]] = []
        self.threads: set[int] = set()
        self.begun, self.go_on = threading.Semaphore(0), threading.Event()
        self.go_on.set()

    def __call__(self, key: str, works: Sequence[int]) -> list[int]:
        self.ran.append((key, list(works)))
        self.threads.add(threading.get_ident())
        self.begun.release()
        assert self.go_on.wait(WITHIN_S)
        if -1 in works:
            raise ZeroDivisionError("a bad frame")
        return [work**2 for work in works]


def submit(worker: Worker[str, int, int], work: int, key: str = "a", deadline: float = NEVER) -> Waiting:
    caller = Waiting(work)
    worker.submit(key, 1, deadline, caller)
    return caller


class Bench:
    """A worker with its device, clock and what it observed."""

    def __init__(self) -> None:
        self.device, self.clock = Device(), Clock()
        self.observed: list[int] = []
        queue: Queue[str, int, int] = Queue(8, lambda _: 1000)
        self.worker = Worker(self.device, queue, self.clock, self.observed.append)

    def submit(self, work: int, key: str = "a", deadline: float = NEVER) -> Waiting:
        return submit(self.worker, work, key, deadline)

    def hold(self) -> Waiting:
        """Keep the device busy with a job until ``go_on`` is set."""
        self.device.go_on.clear()
        caller = self.submit(0, "holds")
        assert self.device.begun.acquire(timeout=WITHIN_S)
        return caller


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.device.go_on.set()
    bench.worker.close()


def test_an_idle_worker_runs_a_job_at_once_and_alone(bench: Bench) -> None:
    bench.clock.now = 7.0
    assert bench.submit(3).result(WITHIN_S) == Done(9, 7.0, 7.0)
    assert bench.observed == [1]


def test_a_lone_job_runs_in_the_thread_that_brings_it(bench: Bench) -> None:
    bench.clock.now = 7.0
    assert bench.worker.run_here("a", 3, 1) == Done(9, 7.0, 7.0)
    assert bench.observed == [1]
    assert bench.device.threads == {threading.get_ident()}
    with pytest.raises(ZeroDivisionError, match="a bad frame"):
        bench.worker.run_here("a", -1, 1)
    assert bench.submit(4).result(WITHIN_S).result == 16, "and the device is free again"


def test_while_the_device_is_busy_nothing_runs_beside_it(bench: Bench) -> None:
    bench.hold()
    assert bench.worker.run_here("a", 3, 1) is None
    bench.device.go_on.set()


def test_what_waits_while_the_device_is_busy_becomes_the_next_batch(bench: Bench) -> None:
    bench.hold()
    waiting = [bench.submit(n) for n in (1, 2, 3)]
    bench.clock.now = 4.0
    bench.device.go_on.set()
    assert [caller.result(WITHIN_S) for caller in waiting] == [Done(n * n, 4.0, 4.0) for n in (1, 2, 3)]
    assert bench.device.ran == [("holds", [0]), ("a", [1, 2, 3])]
    assert bench.observed == [1, 3]


def test_a_bad_job_fails_alone(bench: Bench) -> None:
    bench.hold()
    good, bad, other = (bench.submit(n) for n in (2, -1, 4))
    bench.device.go_on.set()
    assert (good.result(WITHIN_S).result, other.result(WITHIN_S).result) == (4, 16)
    with pytest.raises(ZeroDivisionError, match="a bad frame"):
        bad.result(WITHIN_S)
    assert bench.submit(5).result(WITHIN_S).result == 25, "and the worker goes on"


def test_a_device_that_loses_an_answer_does_not_end_the_worker() -> None:
    held, release = threading.Event(), threading.Event()

    def run(key: str, works: Sequence[int]) -> Sequence[int]:
        held.set()
        assert release.wait(WITHIN_S)
        return works[:1]

    worker: Worker[str, int, int] = Worker(run, Queue(8, lambda _: 1000), Clock(), lambda _: None)
    first = submit(worker, 0)
    assert held.wait(WITHIN_S)
    others = [submit(worker, n) for n in (1, 2)]
    release.set()
    assert [caller.result(WITHIN_S).result for caller in (first, *others)] == [0, 1, 2]
    worker.close()


def take_long(bench: Bench, key: str, seconds: float) -> None:
    """A run of this kind that takes so long."""
    bench.device.go_on.clear()
    caller = bench.submit(0, key)
    assert bench.device.begun.acquire(timeout=WITHIN_S)
    bench.clock.now += seconds
    bench.device.go_on.set()
    caller.result(WITHIN_S)


def test_the_first_run_of_a_kind_tells_nothing_of_the_next(bench: Bench) -> None:
    take_long(bench, "a", 50)  # it looks for its kernels
    assert bench.submit(2, deadline=bench.clock.now + 10).result(WITHIN_S).result == 4


def test_the_pace_of_one_kind_is_no_other_kinds(bench: Bench) -> None:
    for _ in range(2):
        take_long(bench, "small", 50)
    assert bench.submit(2, "large", deadline=bench.clock.now + 10).result(WITHIN_S).result == 4


def test_a_pace_that_leaves_nothing_to_run_is_doubted(bench: Bench) -> None:
    for _ in range(2):
        take_long(bench, "a", 50)  # the device was stuck
    with pytest.raises(ServiceError):
        bench.submit(2, deadline=bench.clock.now + 10).result(WITHIN_S)
    assert bench.submit(3, deadline=bench.clock.now + 10).result(WITHIN_S).result == 9


def test_a_pace_is_doubted_however_busy_others_keep_the_device() -> None:
    doubted: list[str] = []
    queue = queue_of(job("a", 1, 0.1, deadline=12), job("b", 2, 0.2), job("c", 3, 0.05, deadline=9))
    assert works_of(queue.take(10, {"a": 5.0, "b": 5.0, "c": 0.0}.__getitem__, doubted.append)) == [2]
    assert doubted == ["a"]


def test_what_waits_while_a_lone_job_runs_becomes_one_batch(bench: Bench) -> None:
    bench.device.go_on.clear()
    lone = threading.Thread(target=bench.worker.run_here, args=("a", 0, 1))
    lone.start()
    assert bench.device.begun.acquire(timeout=WITHIN_S)
    late = bench.submit(1, deadline=5)
    time.sleep(0.05)  # the worker waits for the device
    waiting = [bench.submit(n) for n in (2, 3)]
    bench.clock.now = 6.0
    bench.device.go_on.set()
    assert [caller.result(WITHIN_S).result for caller in waiting] == [4, 9]
    assert bench.device.ran == [("a", [0]), ("a", [2, 3])]
    with pytest.raises(ServiceError):
        late.result(WITHIN_S)
    lone.join()


def test_a_job_past_its_deadline_never_reaches_the_device(bench: Bench) -> None:
    bench.hold()
    late = bench.submit(2, deadline=5.0)
    bench.clock.now = 5.0
    bench.device.go_on.set()
    with pytest.raises(ServiceError) as caught:
        late.result(WITHIN_S)
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    assert bench.device.ran == [("holds", [0])]


def test_a_job_whose_caller_has_left_never_reaches_the_device(bench: Bench) -> None:
    bench.hold()
    left = bench.submit(2)
    left.leave()
    bench.device.go_on.set()
    assert bench.submit(3).result(WITHIN_S).result == 9
    assert ("a", [3]) in bench.device.ran
    assert all(2 not in works for _, works in bench.device.ran)
    assert not left.told


def test_close_runs_what_waits(bench: Bench) -> None:
    held = bench.hold()
    waiting = [bench.submit(n, key) for n, key in ((1, "a"), (2, "b"), (3, "a"))]
    closing = threading.Thread(target=bench.worker.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive(), "it waits for the device"
    bench.device.go_on.set()
    closing.join(WITHIN_S)
    assert [caller.result(0).result for caller in (held, *waiting)] == [0, 1, 4, 9]
