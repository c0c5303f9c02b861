"""The operating point of a request: how many false alarms the caller accepts, as a lowest confidence of targets."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from service.detection.options import Options
from service.errors import Reason, ServiceError
from service.runtime.card import Card


class Sensitivity(StrEnum):
    """How many false alarms a caller accepts."""

    QUIET = "quiet"
    BALANCED = "balanced"
    HIGH = "high"


# false alarms in a million pixels; a frame of 640x512 has a third of a million
FALSE_ALARMS_PER_MPX: Final = {Sensitivity.QUIET: 0.1, Sensitivity.BALANCED: 1.0, Sensitivity.HIGH: 10.0}
WELL_KNOWN: Final = 30  # false alarms from which a rate is known well: the standard error is then below a fifth


def false_alarm_rate(
    sensitivity: Sensitivity | None, false_alarms_per_mpx: float | None, others: dict[str, bool]
) -> float | None:
    """The rate of false alarms that a caller accepts, per million pixels; None if the caller names none.

    Args:
        sensitivity: one of the named rates.
        false_alarms_per_mpx: a rate in numbers.
        others: for ``min_confidence`` and ``threshold``, by the name that the caller uses: whether the caller sets it.

    Raises:
        ValueError: the caller names two rates, or sets one of the others beside a rate.
    """
    if sensitivity is None and false_alarms_per_mpx is None:
        return None
    if sensitivity is not None and false_alarms_per_mpx is not None:
        raise ValueError("sensitivity and false_alarms_per_mpx both choose a rate of false alarms: use one of them")
    used = "false_alarms_per_mpx" if sensitivity is None else "sensitivity"
    for name, is_set in others.items():
        if is_set:
            raise ValueError(f"{used} chooses the lowest confidence at the model's own threshold: leave out {name}")
    return false_alarms_per_mpx if sensitivity is None else FALSE_ALARMS_PER_MPX[sensitivity]


def lowest_confidence(card: Card, options: Options) -> float:
    """Targets below this confidence are left out.

    Raises:
        ServiceError: ``bad_parameter``; the options name a rate of false alarms, but the card has no curve.
    """
    if options.false_alarms_per_mpx is None:
        return options.min_confidence
    if card.operating_points is None:
        raise ServiceError(
            Reason.BAD_PARAMETER,
            f"model {card.name}@{card.version} has no curve of false alarms, which sensitivity and "
            "false_alarms_per_mpx need: use min_confidence, or measure the curve with rrcanet calibrate",
        )
    points = card.operating_points
    return points.confidences[point_for(points.false_alarms_per_mpx, options.false_alarms_per_mpx)]


def known_from_per_mpx(megapixels: float) -> float:
    """The lowest rate that frames of this size know well: one at which they have ``WELL_KNOWN`` false alarms.

    It is rounded up to two digits, so that the rate which a user reads is known well.
    """
    least = WELL_KNOWN / megapixels
    step = 10.0 ** (math.floor(math.log10(least)) - 1)
    return round(math.ceil(least / step - 1e-9) * step, 12)


def rate_warning(card: Card, options: Options) -> str | None:
    """What a person should know about the rate of false alarms that the options ask for; None if it is known well."""
    rate, points = options.false_alarms_per_mpx, card.operating_points
    if rate is None or points is None:
        return None
    known_from = known_from_per_mpx(points.megapixels)
    if rate >= known_from:
        return None
    return (
        f"{rate:g} false alarms per megapixel is less than the curve of this model knows well: it rests on "
        f"{points.megapixels:.3g} megapixels, which show rates from {known_from:g}; the real rate may differ by more "
        "than a factor of two; measure the curve on more frames with rrcanet calibrate"
    )


def point_for(rates: Sequence[float], rate: float) -> int:
    """Index of the first of the falling ``rates`` that is at most ``rate``; the last index if none is."""
    return min(bisect_left(rates, -rate, key=lambda value: -value), len(rates) - 1)
