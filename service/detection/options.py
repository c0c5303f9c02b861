"""What a caller may ask of a detection: thresholds, range and polarity."""

import math
from dataclasses import dataclass
from enum import StrEnum

from intensity import Range


class Polarity(StrEnum):
    """Whether targets are brighter or darker than what surrounds them."""

    WHITE_HOT = "white_hot"
    BLACK_HOT = "black_hot"


class RangeMode(StrEnum):
    """How counts map to intensity where no range is given."""

    AUTO = "auto"
    DTYPE = "dtype"
    MINMAX = "minmax"


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may ask for; the contract's query parameters.

    Attributes:
        threshold: on pixels; None is the card's.
        range: a mode, or the counts that map to intensity 0 and 255.
    """

    threshold: float | None = None
    min_confidence: float = 0.0
    min_area: int = 1
    max_targets: int = 1000
    range: RangeMode | Range = RangeMode.AUTO
    polarity: Polarity = Polarity.WHITE_HOT


def parse_range(text: str) -> RangeMode | Range:
    """``auto``, ``dtype``, ``minmax``, or counts ``LO:HI`` with LO below HI.

    Raises:
        ValueError: anything else.
    """
    if text in list(RangeMode):
        return RangeMode(text)
    low, colon, high = text.partition(":")
    try:
        span = Range(float(low), float(high))
    except ValueError:
        colon = ""
    if not colon or not math.isfinite(span.high - span.low) or span.low >= span.high:
        raise ValueError("must be auto, dtype, minmax or LO:HI with LO below HI")
    return span


def range_text(span: RangeMode | Range) -> str:
    """What ``parse_range`` reads as this range."""
    return span.value if isinstance(span, RangeMode) else ":".join(str(end).removesuffix(".0") for end in span)
