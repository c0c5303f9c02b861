"""What runs together, in which order, and what becomes of the rest."""

from collections.abc import Sequence

import pytest

from service.engine.batching import Job, Queue
from service.errors import Reason, ServiceError

NEVER = 1e9


def job(key: str, work: int, entered: float, size: int = 1, deadline: float = NEVER) -> Job[str, int, int]:
    return Job(key, work, size, entered, deadline)


def queue_of(
    *jobs: Job[str, int, int], max_batch: int = 8, max_size: int = 1000, pace: float = 0.0
) -> Queue[str, int, int]:
    """A queue that expects ``pace`` seconds a pixel of every key."""
    queue: Queue[str, int, int] = Queue(max_batch, lambda _: max_size)
    queue.put(jobs)
    for key in {one.key for one in jobs}:
        queue.paces.learn(key, 1, 1)  # the first run is not counted
        queue.paces.learn(key, pace, 1)
    return queue


def works_of(batch: Sequence[Job[str, int, int]]) -> list[int | None]:
    return [one.work for one in batch]


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
    queue.put([job("a", 5, 0.4)])
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


def test_a_job_that_was_abandoned_is_dropped_and_leaves_its_place_to_others() -> None:
    left, *others = (job("a", n, n) for n in range(3))
    queue = queue_of(left, *others, max_batch=2)
    left.abandon()
    assert batches(queue) == [[1, 2]]


def test_a_job_past_its_deadline_is_dropped_with_its_reason() -> None:
    late, punctual = job("a", 1, 0, deadline=5), job("a", 2, 1, deadline=6)
    assert batches(queue_of(late, punctual), now=5) == [[2]]
    with pytest.raises(ServiceError) as caught:
        late.end.result(0)
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED


def test_a_job_that_cannot_be_done_by_its_deadline_is_not_begun() -> None:
    hopeless, other = job("a", 1, 0, size=100, deadline=10.5), job("a", 2, 1, size=100, deadline=12)
    taken = queue_of(hopeless, other, pace=0.01).take(now=10)
    assert works_of(taken) == [2]
    with pytest.raises(ServiceError, match="the deadline is too soon for the device to answer"):
        hopeless.end.result(0)


def test_a_batch_stays_so_small_that_no_job_in_it_is_late() -> None:
    queue = queue_of(*(job("a", n, n, size=100, deadline=12.5) for n in range(4)), pace=0.01)
    assert works_of(queue.take(now=10)) == [0, 1]
    assert works_of(queue.take(now=10)) == [2, 3]


def test_a_late_comer_in_a_hurry_waits_for_the_next_batch() -> None:
    queue = queue_of(job("a", 1, 0, size=100), job("a", 2, 1, size=100, deadline=11.5), pace=0.01)
    assert works_of(queue.take(now=10)) == [1]


def test_where_every_job_of_a_kind_is_dropped_the_next_kind_runs() -> None:
    late, left, other = job("a", 1, 0, deadline=1), job("a", 2, 0.1), job("b", 3, 0.2)
    left.abandon()
    queue = queue_of(late, left, other)
    assert batches(queue, now=2) == [[3]]


def test_a_queue_of_dropped_jobs_gives_nothing_and_is_empty() -> None:
    left = job("a", 1, 0)
    left.abandon()
    queue = queue_of(left)
    assert queue
    assert queue.take(0) == []
    assert not queue


def test_the_first_run_of_a_key_says_nothing_about_the_next() -> None:
    queue = queue_of()
    queue.paces.learn("a", 50, 1)  # it chose its kernels
    queue.put([job("a", 1, 0, deadline=10)])
    assert batches(queue) == [[1]]


def test_the_pace_of_one_key_does_not_count_for_another() -> None:
    queue = queue_of(job("slow", 1, 0), pace=50)
    assert batches(queue) == [[1]]
    queue.put([job("other", 2, 0, deadline=10)])
    assert batches(queue) == [[2]]


def test_a_pace_that_leaves_nothing_to_run_is_measured_anew() -> None:
    queue = queue_of(job("a", 1, 0, deadline=10), pace=50)  # the device was stuck
    assert batches(queue) == []
    queue.put([job("a", 2, 0, deadline=10)])
    assert batches(queue) == [[2]]


def test_a_pace_is_measured_anew_while_others_keep_the_device_busy() -> None:
    queue = queue_of(job("a", 1, 0.1, deadline=12), job("b", 2, 0.2), pace=5.0)
    assert works_of(queue.take(10)) == [2]
    queue.put([job("a", 3, 0.3, deadline=12)])
    assert works_of(queue.take(10)) == [3]


def test_a_deadline_that_has_passed_says_nothing_about_the_pace() -> None:
    queue = queue_of(job("a", 1, 0, deadline=9), pace=5.0)
    assert queue.take(10) == []
    queue.put([job("a", 2, 0, deadline=12)])
    assert queue.take(10) == []
