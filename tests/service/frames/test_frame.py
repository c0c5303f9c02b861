"""The budget of a request."""

import pytest

from service.errors import Reason, ServiceError
from service.frames import Budget


def test_frames_up_to_the_limit_are_taken() -> None:
    budget = Budget(max_frames=2, max_pixels=10**9)
    budget.take(1, 1)
    budget.take(1, 1)
    with pytest.raises(ServiceError, match="more than 2 frames") as caught:
        budget.take(1, 1)
    assert caught.value.reason is Reason.TOO_MANY_FRAMES


def test_pixels_of_all_frames_count_together() -> None:
    budget = Budget(max_frames=9, max_pixels=2 * 40 * 50)
    budget.take(40, 50)
    budget.take(50, 40)
    with pytest.raises(ServiceError, match=r"with a frame of 32x32 the request has more than 4000 pixels$") as caught:
        budget.take(32, 32)
    assert caught.value.reason is Reason.TOO_MANY_PIXELS


@pytest.mark.parametrize(("width", "height"), [(64, 1), (1, 64), (64, 31)])
def test_a_narrow_side_counts_as_what_the_network_sees_of_it(width: int, height: int) -> None:
    Budget(max_pixels=64 * 32).take(width, height)
    with pytest.raises(ServiceError, match="each side counts as at least 32"):
        Budget(max_pixels=64 * 32 - 1).take(width, height)
