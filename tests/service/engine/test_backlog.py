"""Which requests are accepted by the time that they would take."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.engine.backlog import Backlog, Limit
from service.engine.batching import Job, Paces
from service.errors import Reason, ServiceError
from tests.support.waiting import Clock

FAR = 1e9


@dataclass
class Device:
    """A device whose runs the test begins and ends."""

    clock: Clock = field(default_factory=Clock)
    running_since: float | None = None

    def backlog(self, objective_s: float = 1.0) -> Backlog[str]:
        return Backlog(objective_s, a_pixel_in_a_millisecond(), lambda: self.running_since, self.clock)


def a_pixel_in_a_millisecond() -> Paces[str]:
    paces = Paces[str]()
    for _ in range(2):  # the first run is not counted
        paces.learn("a", 1.0, 1000)
    return paces


def jobs(*seconds: float, key: str = "a") -> list[Job[str, int, None]]:
    return [Job(key, 0, round(one * 1000), 0.0, FAR) for one in seconds]


def refusal(backlog: Backlog[str], limit: Limit, *seconds: float) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        backlog.accept(limit, jobs(*seconds))
    assert caught.value.reason is Reason.TOO_SLOW
    return caught.value


def accepted(backlog: Backlog[str], *seconds: float, limit: Limit = Limit(FAR)) -> list[Future[Any]]:
    taken = jobs(*seconds)
    backlog.accept(limit, taken)
    return [job.end for job in taken]


def test_requests_are_accepted_until_their_answers_would_come_after_the_objective() -> None:
    backlog = Device().backlog()
    for _ in range(10):
        accepted(backlog, 0.1)
    refused = refusal(backlog, Limit(FAR), 0.1)
    assert refused.detail.startswith("the frames ahead take 1 s, and those of this request take 0.1 s")
    assert backlog.seconds == pytest.approx(1.0)


def test_a_deadline_that_was_asked_for_holds_in_place_of_the_objective() -> None:
    backlog = Device().backlog()
    accepted(backlog, 0.5, 0.5)
    refusal(backlog, Limit(1.05, asked=True), 0.1)
    accepted(backlog, 0.1, limit=Limit(1.15, asked=True))
    accepted(backlog, 5.0, limit=Limit(30, asked=True))


def test_the_retry_is_due_when_the_backlog_is_short_enough() -> None:
    backlog = Device().backlog()
    accepted(backlog, 10.0, limit=Limit(30, asked=True))
    assert refusal(backlog, Limit(FAR), 0.5).retry_after_s == 10  # 0.5 s may be ahead
    assert refusal(backlog, Limit(4.0, asked=True), 1.0).retry_after_s == 7


def test_an_idle_device_refuses_nothing() -> None:
    backlog = Device().backlog()
    (end,) = accepted(backlog, 100.0)
    refusal(backlog, Limit(FAR), 0.1)
    end.set_result(None)
    accepted(backlog, 100.0, limit=Limit(1.0, asked=True))


def test_a_long_request_may_wait_as_long_as_it_takes_but_no_longer_than_the_objective() -> None:
    backlog = Device().backlog()
    accepted(backlog, 0.8)
    refusal(backlog, Limit(FAR), 0.7)
    accepted(backlog, 5.0)
    refusal(backlog, Limit(FAR), 5.0)


@pytest.mark.parametrize("end", [lambda one: one.cancel(), lambda one: one.set_exception(ValueError("a fault"))])
def test_a_job_leaves_the_backlog_however_it_ends(end: Callable[[Future[Any]], object]) -> None:
    backlog = Device().backlog()
    first, second = accepted(backlog, 0.6, 0.3)
    end(first)
    assert backlog.seconds == pytest.approx(0.3)
    end(second)
    assert backlog.seconds == 0


def test_what_the_present_run_has_done_is_not_ahead_any_more() -> None:
    device = Device()
    backlog = device.backlog()
    accepted(backlog, 0.6, 0.4)
    device.running_since = device.clock()
    device.clock.now += 0.5
    assert backlog.seconds == pytest.approx(0.5)
    accepted(backlog, 0.4)
    device.clock.now += 60  # the run is slower than expected
    assert backlog.seconds == 0


def test_all_jobs_of_a_request_are_refused_together() -> None:
    backlog = Device().backlog()
    accepted(backlog, 0.8)
    refusal(backlog, Limit(FAR), *[0.1] * 4)
    assert backlog.seconds == pytest.approx(0.8)


def test_a_size_that_was_never_run_is_expected_to_take_what_others_take() -> None:
    backlog = Device().backlog()
    accepted(backlog, 0.8)
    with pytest.raises(ServiceError):
        backlog.accept(Limit(FAR), jobs(0.4, key="unknown"))


def test_one_slow_run_does_not_refuse_every_request_that_follows() -> None:
    device = Device()
    paces = a_pixel_in_a_millisecond()
    paces.learn("slow", 1, 1)
    paces.learn("slow", 50, 1)  # the machine was asleep
    paces.learn("a", 1e-3, 1)
    backlog = Backlog(1.0, paces, lambda: None, device.clock)
    accepted(backlog, 0.1)
    with pytest.raises(ServiceError):
        backlog.accept(Limit(2.0, asked=True), jobs(0.1, key="slow"))
    backlog.accept(Limit(2.0, asked=True), jobs(0.1, key="slow"))


def test_requests_that_wait_to_be_read_count_as_usual_jobs() -> None:
    backlog = Device().backlog()
    for _ in range(20):
        (end,) = accepted(backlog, 0.1)
        end.set_result(None)
    accepted(backlog, 0.1)
    requests = [object() for _ in range(10)]
    for request in requests:
        backlog.check(Limit(FAR))
        backlog.announce(request)
    assert backlog.seconds == pytest.approx(1.1, abs=0.01)
    with pytest.raises(ServiceError, match="too late"):
        backlog.check(Limit(FAR))
    backlog.withdraw(requests[0])
    backlog.withdraw(requests[0])
    backlog.withdraw(requests[1])
    assert backlog.seconds == pytest.approx(0.9, abs=0.01)
    backlog.check(Limit(FAR))


def test_waits_that_are_longer_than_expected_make_later_expectations_longer() -> None:
    device = Device()
    backlog = device.backlog()
    for _ in range(60):
        (end,) = accepted(backlog, 0.2)
        device.clock.now += 0.3
        end.set_result(None)
    accepted(backlog, 0.2, 0.2, 0.2)
    assert backlog.seconds == pytest.approx(0.9, abs=0.01)
