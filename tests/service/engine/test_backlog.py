"""Which requests are accepted by the time that they would take."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pytest

from service.engine.admission import Backlog, Limit
from service.errors import Reason, ServiceError
from tests.support.clock import Clock

FAR = 1e9


@dataclass
class Device:
    """A device whose runs the test begins and ends."""

    clock: Clock = field(default_factory=Clock)
    running_since: float | None = None

    def backlog(self, objective_s: float = 1.0) -> Backlog:
        return Backlog(objective_s, lambda: self.running_since, self.clock)


def jobs(*seconds: float) -> list[tuple[Future[None], float]]:
    return [(Future(), one) for one in seconds]


def refusal(backlog: Backlog, limit: Limit, *seconds: float) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        backlog.accept(limit, jobs(*seconds))
    assert caught.value.reason is Reason.TOO_SLOW
    return caught.value


def accepted(backlog: Backlog, *seconds: float, limit: Limit = Limit(FAR)) -> Sequence[Future[None]]:
    taken = jobs(*seconds)
    backlog.accept(limit, taken)
    return [end for end, _ in taken]


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
def test_a_job_leaves_the_backlog_however_it_ends(end: Callable[[Future[None]], object]) -> None:
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
