"""A run is taken for one that hangs when it is on the device at every look for long, and no sooner."""

from collections import deque

from service.server.watchdog import Watchdog


def test_one_run_that_stays_is_told_and_many_that_follow_each_other_are_not() -> None:
    runs: deque[float | None] = deque([1.0])
    watch = Watchdog(lambda: runs[-1], every_s=1.0, request_timeout_s=30.0)
    assert [watch.look() for _ in range(62)] == [None] * 61 + [61.0]
    for run in (2.0, None, 2.0, 3.0):
        runs.append(run)
        assert [watch.look() for _ in range(61)] == [None] * 61


def test_nobody_who_waits_longer_is_given_up() -> None:
    watch = Watchdog(lambda: 1.0, every_s=1.0, request_timeout_s=100.0)
    assert [watch.look() for _ in range(202)][-2:] == [None, 201.0]
