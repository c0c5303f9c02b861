"""Threads for steps: what waits is run, then they end."""

import threading
from collections.abc import Callable

import pytest

from service.engine.pool import Pool


def test_steps_run_side_by_side_in_as_many_threads_as_there_are() -> None:
    pool, together = Pool(3, "steps"), threading.Barrier(4, timeout=20)

    def step() -> None:
        together.wait()

    for _ in range(3):
        pool.submit(step)
    together.wait()
    pool.close()


def test_what_waits_when_the_pool_is_closed_is_run_in_order() -> None:
    pool, begin, done = Pool(1, "steps"), threading.Event(), list[int]()

    def first() -> None:
        begin.wait(20)

    def step(number: int) -> Callable[[], None]:
        return lambda: done.append(number)

    pool.submit(first)
    for number in range(5):
        pool.submit(step(number))
    threading.Timer(0.1, begin.set).start()
    pool.close()
    assert done == [0, 1, 2, 3, 4]


def test_a_closed_pool_takes_nothing() -> None:
    pool = Pool(2, "steps")
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(lambda: None)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("steps")]
