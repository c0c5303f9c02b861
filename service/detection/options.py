"""The options of a detection: thresholds, range, polarity and radiometry."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intensity import Range


class Polarity(StrEnum):
    """Whether targets are brighter or darker than their background."""

    WHITE_HOT = "white_hot"
    BLACK_HOT = "black_hot"


class Radiometry(NamedTuple):
    """How counts become degrees Celsius: ``counts * gain + offset``."""

    gain: float
    offset: float

    def celsius(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Degrees Celsius of counts of any shape."""
        return counts * self.gain + self.offset


class RangeMode(StrEnum):
    """How the range of counts is chosen if the caller gives none."""

    AUTO = "auto"
    DTYPE = "dtype"
    MINMAX = "minmax"


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller may choose, with the names and the meaning of the query parameters of ``POST /v1/detect``.

    Attributes:
        threshold: pixels of greater probability belong to targets; None takes the model card's threshold.
        min_confidence: targets below it are left out.
        min_area: targets of fewer pixels are left out.
        max_targets: of one frame; the most confident are kept.
        range: a mode, or the counts that map to intensity 0 and 255.
        polarity: whether targets are brighter or darker than their background.
        false_alarms_per_mpx: false alarms in a million pixels that the caller accepts; it replaces ``min_confidence``
            by a confidence from the curve of the model card.
        radiometry: gives targets a temperature; it replaces what the file of a frame says.
    """

    threshold: float | None = None
    min_confidence: float = 0.0
    min_area: int = 1
    max_targets: int = 1000
    range: RangeMode | Range = RangeMode.AUTO
    polarity: Polarity = Polarity.WHITE_HOT
    false_alarms_per_mpx: float | None = None
    radiometry: Radiometry | None = None


def parse_range(text: str) -> RangeMode | Range:
    """``auto``, ``dtype``, ``minmax``, or counts ``LO:HI`` with LO below HI.

    Raises:
        ValueError: the text is none of these.
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


def parse_radiometry(text: str) -> Radiometry:
    """``GAIN:OFFSET``, two numbers, of which the first is not 0.

    Raises:
        ValueError: the text has another form.
    """
    gain, _, offset = text.partition(":")
    try:
        radiometry = Radiometry(float(gain), float(offset))
    except ValueError:
        radiometry = Radiometry(math.nan, math.nan)
    if not all(map(math.isfinite, radiometry)) or not radiometry.gain:
        raise ValueError("must be GAIN:OFFSET, two numbers, of which GAIN is not 0; for example 0.04:-273.15")
    return radiometry


def range_text(span: RangeMode | Range) -> str:
    """The text that ``parse_range`` reads as this range."""
    return span.value if isinstance(span, RangeMode) else ":".join(str(end).removesuffix(".0") for end in span)
