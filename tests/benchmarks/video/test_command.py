"""The table of the rate of detect, against the network alone."""

import pytest

from benchmarks.video.command import Part, Speed, _rows


def test_each_case_of_the_network_alone_has_a_row_of_medians() -> None:
    parts = [
        Part(Speed(rate, 0.1), {1: Speed(20, 0.2), 2: Speed(alone, 0.3)})
        for rate, alone in ((10, 40), (12, 24), (50, 50))
    ]
    one, two = _rows(parts)
    assert one == pytest.approx([3, 12, 0.1, 1, 20, 0.2, 0.6])
    assert two == pytest.approx([3, 12, 0.1, 2, 40, 0.3, 0.5])  # the median of ratios, not the ratio of medians
