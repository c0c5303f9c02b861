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
    budget = Budget(max_frames=9, max_pixels=24)
    budget.take(4, 3)
    budget.take(3, 4)
    with pytest.raises(ServiceError, match="a 1x1 frame takes the request over 24 pixels") as caught:
        budget.take(1, 1)
    assert caught.value.reason is Reason.TOO_MANY_PIXELS
