"""How many frames may be inside, and what is told to those that may not."""

import contextlib

import pytest

from service.engine.admission import Admission, Places
from service.errors import Reason, ServiceError
from tests.support.waiting import Clock


def refusal(admission: Admission, frames: int) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        admission.take(frames)
    assert caught.value.reason is Reason.QUEUE_FULL
    return caught.value


def test_frames_are_let_in_up_to_the_capacity() -> None:
    admission = Admission(2, Clock())
    admission.take(2)
    assert refusal(admission, 1).detail == "2 of 2 places are taken, 1 more are needed"
    admission.release(1)
    admission.take(1)
    assert admission.inside == 2


def test_what_does_not_fit_whole_takes_no_place() -> None:
    admission = Admission(5, Clock())
    admission.take(3)
    refusal(admission, 3)
    assert admission.inside == 3
    admission.take(2)


def test_a_request_gives_back_all_its_places_when_it_ends() -> None:
    admission = Admission(5, Clock())
    with Places(admission) as places:
        assert admission.inside == 1
        places.extend_to(4)
        assert admission.inside == 4
        places.extend_to(2)
        assert admission.inside == 4, "the places it has are enough"
    assert admission.inside == 0


def test_a_request_whose_frames_do_not_fit_gives_back_the_place_it_had() -> None:
    admission = Admission(5, Clock())
    with pytest.raises(ServiceError) as caught, Places(admission) as places:
        places.extend_to(6)
    assert caught.value.reason is Reason.QUEUE_FULL
    assert admission.inside == 0


def test_a_request_that_fails_gives_back_its_places() -> None:
    admission = Admission(5, Clock())
    with contextlib.suppress(ZeroDivisionError), Places(admission) as places:
        places.extend_to(3)
        raise ZeroDivisionError
    assert admission.inside == 0


def test_a_full_queue_turns_away_at_the_door() -> None:
    admission = Admission(1, Clock())
    with Places(admission), pytest.raises(ServiceError):
        Places(admission)
    assert admission.inside == 0


def test_retry_after_is_a_second_until_a_rate_is_known() -> None:
    admission = Admission(9, Clock())
    admission.take(9)
    assert refusal(admission, 1).retry_after_s == 1
    admission.release(1)
    assert refusal(admission, 9).retry_after_s == 1


def test_retry_after_follows_the_measured_drain_rate() -> None:
    clock = Clock()
    admission = Admission(100, clock)
    admission.take(100)
    for _ in range(11):  # two frames a second
        admission.release(2)
        admission.take(2)
        clock.now += 1
    assert refusal(admission, 10).retry_after_s == 5
    assert refusal(admission, 40).retry_after_s == 20
    assert refusal(admission, 1).retry_after_s == 1


def test_retry_after_is_never_more_than_a_minute() -> None:
    clock = Clock()
    admission = Admission(2, clock)
    admission.take(2)
    for _ in range(3):
        admission.release(1)
        admission.take(1)
        clock.now += 1000
    assert refusal(admission, 2).retry_after_s == 60


def test_retry_after_is_a_whole_number_of_seconds() -> None:
    clock = Clock()
    admission = Admission(10, clock)
    admission.take(10)
    for _ in range(4):
        admission.release(1)
        admission.take(1)
        clock.now += 1.3
    wait = refusal(admission, 3).retry_after_s
    assert wait == 4


def test_only_recent_releases_count() -> None:
    clock = Clock()
    admission = Admission(10, clock)
    admission.take(10)
    for pace in [10.0] * 20 + [0.5] * 100:
        admission.release(1)
        admission.take(1)
        clock.now += pace
    assert refusal(admission, 10).retry_after_s == 5


def test_idle_time_does_not_count_as_slowness() -> None:
    clock = Clock()
    admission = Admission(4, clock)
    for _ in range(3):
        admission.take(1)
        admission.release(1)
    clock.now += 3600
    admission.take(4)
    assert refusal(admission, 1).retry_after_s == 1
