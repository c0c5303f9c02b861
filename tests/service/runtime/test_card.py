"""What a model file may say of itself."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.detection.targets import confidence_of
from service.runtime.card import Calibration, Card, Measurement, OperatingPoints
from tests.support.small_models import small_card

UNITS = st.floats(0, 1)
POINTS = OperatingPoints(
    confidences=(0, 0.5, 0.9),
    pd=(1, 0.9, 0.9),
    false_alarms_per_mpx=(4, 1, 0),
    targets=10,
    megapixels=1.5,
    measured_on="frames",
)


def test_a_card_comes_back_from_json() -> None:
    card = small_card(
        calibration=Calibration(scores=(0.5, 0.9), confidences=(0.1, 0.8), fitted_on="frames"),
        operating_points=POINTS,
        measurements=(
            Measurement(
                dataset="d", split="test", grid="256", frames=9, iou=0.7, niou=0.6, pd=1, fa_identity=3.5, fa_legacy=4
            ),
            Measurement(
                dataset="d",
                split="test",
                grid="256",
                range="dtype",
                frames=9,
                iou=0,
                niou=0,
                pd=0,
                fa_identity=0,
                fa_legacy=0,
            ),
        ),
    )
    assert Card.model_validate_json(card.model_dump_json()) == card


def test_a_measurement_that_tells_no_range_was_made_as_the_service_does_by_default() -> None:
    told = (
        '{"dataset":"d","split":"s","grid":"native","frames":1,"iou":0,"niou":0,"pd":0,"fa_identity":0,"fa_legacy":0}'
    )
    assert Measurement.model_validate_json(told).range == "auto"


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "../etc"},
        {"name": "a@b"},
        {"name": "x" * 65},
        {"version": "1@2"},
        {"version": "-"},
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"stride": 0},
        {"precision": "int8"},
        {"format": 2},
        {"surprise": 1},
    ],
)
def test_a_card_that_says_something_impossible_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        small_card(**change)
    assert [fault["loc"][0] for fault in caught.value.errors()] == list(change)


def test_a_card_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        small_card().threshold = 0.9


@given(UNITS)
def test_without_a_calibration_confidence_is_the_score(score: float) -> None:
    assert confidence_of(score, Calibration()) == pytest.approx(score)


def test_confidence_is_linear_between_knots_and_flat_beyond() -> None:
    calibration = Calibration(scores=(0.5, 0.7, 0.9), confidences=(0.2, 0.2, 0.8))
    scores = np.array([0.0, 0.5, 0.6, 0.8, 0.9, 1.0])
    assert confidence_of(scores, calibration).tolist() == pytest.approx([0.2, 0.2, 0.2, 0.5, 0.8, 0.8])


@given(st.lists(UNITS, min_size=2, max_size=6, unique=True), st.lists(UNITS, min_size=6, max_size=6), UNITS, UNITS)
def test_a_higher_score_is_never_less_confident(scores: list[float], levels: list[float], a: float, b: float) -> None:
    calibration = Calibration(scores=tuple(sorted(scores)), confidences=tuple(sorted(levels[: len(scores)])))
    low, high = confidence_of(np.array(sorted((a, b))), calibration)
    assert low <= high + 1e-12


@pytest.mark.parametrize(
    ("scores", "confidences", "fault"),
    [
        ((0.0, 1.0), (0.0, 0.5, 1.0), "same length"),
        ((0.5,), (0.5,), "at least 2"),
        ((0.5, 0.5), (0.0, 1.0), "scores must increase"),
        ((0.0, 1.0), (1.0, 0.0), "confidences must not decrease"),
    ],
)
def test_a_calibration_that_is_no_rising_curve_is_refused(
    scores: tuple[float, ...], confidences: tuple[float, ...], fault: str
) -> None:
    with pytest.raises(ValidationError, match=fault):
        Calibration(scores=scores, confidences=confidences)


def test_a_card_of_before_has_no_operating_points() -> None:
    fields = small_card().model_dump(exclude={"operating_points"})
    assert Card.model_validate(fields).operating_points is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"confidences": (0, 0.5)}, "same length"),
        ({"confidences": (0, 0.5, 0.5)}, "confidences must increase"),
        ({"pd": (0.9, 0.95, 0.9)}, "pd must not increase"),
        ({"false_alarms_per_mpx": (4, 4, 0)}, "false_alarms_per_mpx must decrease"),
        ({"false_alarms_per_mpx": (4, 1, -1)}, "greater than or equal to 0"),
        ({"confidences": (), "pd": (), "false_alarms_per_mpx": ()}, "at least 1 item"),
        ({"megapixels": 0}, "greater than 0"),
        ({"targets": 0}, "greater than or equal to 1"),
        ({"surprise": 1}, "not permitted"),
    ],
)
def test_operating_points_that_are_no_falling_curve_are_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        OperatingPoints.model_validate(POINTS.model_dump() | change)
