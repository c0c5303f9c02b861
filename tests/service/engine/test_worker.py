"""The thread of the device: what waits becomes a batch, a bad job fails alone, abandoned jobs never run."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from weakref import ref

import numpy as np
import pytest
from numpy.typing import NDArray

from service.engine.batching import Done, Job, Queue
from service.engine.worker import Worker
from service.errors import Reason, ServiceError
from tests.support.waiting import Clock

NEVER = 1e9
WITHIN_S = 10.0


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


def submit(worker: Worker[str, int, int], work: int, key: str = "a", deadline: float = NEVER) -> Job[str, int, int]:
    job: Job[str, int, int] = Job(key, work, 1, 0.0, deadline)
    worker.submit([job])
    return job


class Bench:
    """A worker with its device, clock and what it observed."""

    def __init__(self) -> None:
        self.device, self.clock = Device(), Clock()
        self.observed: list[int] = []
        queue: Queue[str, int, int] = Queue(8, lambda _: 1000)
        self.worker = Worker(self.device, queue, self.clock, self.observed.append)

    def submit(self, work: int, key: str = "a", deadline: float = NEVER) -> Job[str, int, int]:
        return submit(self.worker, work, key, deadline)

    def hold(self) -> Job[str, int, int]:
        """Keep the device busy with a job until ``go_on`` is set."""
        self.device.go_on.clear()
        job = self.submit(0, "holds")
        assert self.device.begun.acquire(timeout=WITHIN_S)
        return job


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.device.go_on.set()
    bench.worker.close()


def test_an_idle_worker_runs_a_job_at_once_and_alone(bench: Bench) -> None:
    bench.clock.now = 7.0
    assert bench.submit(3).end.result(WITHIN_S) == Done(9, 7.0, 7.0)
    assert bench.observed == [1]


def test_what_waits_while_the_device_is_busy_becomes_the_next_batch(bench: Bench) -> None:
    bench.hold()
    waiting = [bench.submit(n) for n in (1, 2, 3)]
    bench.clock.now = 4.0
    bench.device.go_on.set()
    assert [job.end.result(WITHIN_S) for job in waiting] == [Done(n * n, 4.0, 4.0) for n in (1, 2, 3)]
    assert bench.device.ran == [("holds", [0]), ("a", [1, 2, 3])]
    assert bench.observed == [1, 3]


def test_a_bad_job_fails_alone(bench: Bench) -> None:
    bench.hold()
    good, bad, other = (bench.submit(n) for n in (2, -1, 4))
    bench.device.go_on.set()
    assert (good.end.result(WITHIN_S).result, other.end.result(WITHIN_S).result) == (4, 16)
    with pytest.raises(ZeroDivisionError, match="a bad frame"):
        bad.end.result(WITHIN_S)
    assert bench.submit(5).end.result(WITHIN_S).result == 25, "and the worker goes on"


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
    assert [job.end.result(WITHIN_S).result for job in (first, *others)] == [0, 1, 2]
    worker.close()


def test_a_job_past_its_deadline_never_reaches_the_device(bench: Bench) -> None:
    bench.hold()
    late = bench.submit(2, deadline=5.0)
    bench.clock.now = 5.0
    bench.device.go_on.set()
    with pytest.raises(ServiceError) as caught:
        late.end.result(WITHIN_S)
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    assert bench.device.ran == [("holds", [0])]


def test_a_job_that_was_abandoned_never_reaches_the_device(bench: Bench) -> None:
    bench.hold()
    left = bench.submit(2)
    left.abandon()
    bench.device.go_on.set()
    assert bench.submit(3).end.result(WITHIN_S).result == 9
    assert ("a", [3]) in bench.device.ran
    assert all(2 not in works for _, works in bench.device.ran)
    with pytest.raises(CancelledError):
        left.end.result(0)


def test_close_runs_what_waits(bench: Bench) -> None:
    held = bench.hold()
    waiting = [bench.submit(n, key) for n, key in ((1, "a"), (2, "b"), (3, "a"))]
    closing = threading.Thread(target=bench.worker.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive(), "it waits for the device"
    bench.device.go_on.set()
    closing.join(WITHIN_S)
    assert [job.end.result(0).result for job in (held, *waiting)] == [0, 1, 4, 9]


def test_jobs_that_come_together_run_together(bench: Bench) -> None:
    bench.hold()
    jobs: list[Job[str, int, int]] = [Job("a", n, 1, 0.0, NEVER) for n in (1, 2, 3)]
    bench.worker.submit(jobs)
    bench.device.go_on.set()
    assert [job.end.result(WITHIN_S).result for job in jobs] == [1, 4, 9]
    assert bench.device.ran == [("holds", [0]), ("a", [1, 2, 3])]


def test_a_job_abandoned_while_it_runs_disturbs_no_other(bench: Bench) -> None:
    held = bench.hold()
    held.abandon()
    bench.device.go_on.set()
    assert bench.submit(3).end.result(WITHIN_S).result == 9


def test_a_run_that_fails_keeps_no_tensor() -> None:
    def fail(_: str, works: Sequence[NDArray[np.float32]]) -> Sequence[int]:
        stack = np.concatenate(works)
        raise ZeroDivisionError(len(stack))

    worker: Worker[str, NDArray[np.float32], int] = Worker(fail, Queue(8, lambda _: 1000), Clock(), lambda _: None)
    tensor = np.zeros(4, np.float32)
    kept, job = ref(tensor), Job[str, NDArray[np.float32], int]("a", tensor, 1, 0.0, NEVER)
    del tensor
    worker.submit([job])
    with pytest.raises(ZeroDivisionError):
        job.end.result(WITHIN_S)
    job.abandon()
    worker.close()
    assert kept() is None


def test_a_lone_job_runs_in_the_thread_that_brings_it_while_the_device_is_idle(bench: Bench) -> None:
    job: Job[str, int, int] = Job("a", 3, 1, 0.0, NEVER)
    bench.worker.submit([job], here=True)
    assert job.end.result(0).result == 9
    assert bench.observed == [1]
    assert bench.device.threads == {threading.get_ident()}
    bad: Job[str, int, int] = Job("a", -1, 1, 0.0, NEVER)
    bench.worker.submit([bad], here=True)
    with pytest.raises(ZeroDivisionError, match="a bad frame"):
        bad.end.result(0)
    assert bench.submit(4).end.result(WITHIN_S).result == 16, "and the device is free again"


def test_a_lone_job_waits_while_the_device_is_busy(bench: Bench) -> None:
    bench.hold()
    job: Job[str, int, int] = Job("a", 3, 1, 0.0, NEVER)
    bench.worker.submit([job], here=True)
    assert not job.end.done()
    bench.device.go_on.set()
    assert job.end.result(WITHIN_S).result == 9


def test_what_waits_while_a_lone_job_runs_becomes_one_batch(bench: Bench) -> None:
    bench.device.go_on.clear()
    lone = threading.Thread(target=bench.worker.submit, args=([Job("a", 0, 1, 0.0, NEVER)], True))
    lone.start()
    assert bench.device.begun.acquire(timeout=WITHIN_S)
    late = bench.submit(1, deadline=5)
    time.sleep(0.05)  # the worker waits for the device
    waiting = [bench.submit(n) for n in (2, 3)]
    bench.clock.now = 6.0
    bench.device.go_on.set()
    assert [job.end.result(WITHIN_S).result for job in waiting] == [4, 9]
    assert bench.device.ran == [("a", [0]), ("a", [2, 3])]
    with pytest.raises(ServiceError):
        late.end.result(WITHIN_S)
    lone.join()
