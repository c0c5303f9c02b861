"""Pd by size and by contrast, and contrast itself, on targets whose numbers are known."""

import numpy as np
import pytest

from export.evaluation.contrast import target_contrasts
from export.evaluation.groups import Group, by_area, by_contrast


def test_targets_fall_into_groups_by_area() -> None:
    areas = np.array([1.0, 4, 5, 9, 10, 81, 82, 4000])
    detected = np.array([0, 1, 1, 1, 0, 1, 1, 0], bool)
    groups = by_area(areas, detected)
    assert [group.label for group in groups] == [
        "1 to 4",
        "5 to 9",
        "10 to 16",
        "17 to 36",
        "37 to 81",
        "82 and more",
    ]
    assert [(group.targets, group.detected) for group in groups] == [(2, 1), (2, 2), (1, 0), (0, 0), (1, 1), (2, 1)]
    assert groups[0].pd == 0.5
    assert np.isnan(groups[3].pd)


def test_targets_fall_into_groups_by_contrast_and_unknown_ones_into_none() -> None:
    contrasts = np.array([0.0, 0.99, 1.0, 15.9, 16.0, np.inf, np.nan])
    groups = by_contrast(contrasts, np.ones(7, bool))
    assert [(group.label, group.targets) for group in groups if group.targets] == [
        ("below 1", 2),
        ("1 to 2", 1),
        ("8 to 16", 1),
        ("16 and more", 2),
    ]


@pytest.mark.parametrize(
    ("targets", "detected", "low", "high"),
    [(10, 0, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (100, 50, 0.40383, 0.59617), (1, 1, 0.20654, 1.0)],
)
def test_intervals_are_wilsons(targets: int, detected: int, low: float, high: float) -> None:
    assert np.allclose(Group("", targets, detected).interval(), (low, high), atol=1e-5)


def test_contrast_is_the_signal_to_clutter_ratio_at_any_gain_and_offset() -> None:
    counts = np.indices((60, 60)).sum(0) % 2 * 2.0  # a chequerboard: mean 1, deviation 1
    mask = np.zeros((60, 60), bool)
    mask[30:32, 30:32] = mask[34, 34] = True
    counts[30:32, 30:32], counts[34, 34] = 11, 500  # the other target is no clutter
    contrasts = target_contrasts(counts, mask)
    assert contrasts == pytest.approx([10, 499], rel=0.01)
    assert target_contrasts(37 * counts + 8000, mask) == pytest.approx(contrasts)
    assert target_contrasts(-counts, mask) == pytest.approx(contrasts)
    assert target_contrasts((8 * counts).astype(np.uint16), mask) == pytest.approx(contrasts)


def test_contrast_has_ends() -> None:
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    flat = np.full((9, 9), 5.0)
    assert target_contrasts(flat, mask).tolist() == [0]
    flat[4, 4] = 6
    assert target_contrasts(flat, mask).tolist() == [np.inf]
    assert np.isnan(target_contrasts(flat, np.ones((9, 9), bool))).all()
    flat[4, 4] = np.nan
    assert np.isnan(target_contrasts(flat, mask)).all()
