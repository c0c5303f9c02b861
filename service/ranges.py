"""How a caller names the mapping of counts to intensity."""

import math

from intensity import Range
from service.detector import RangeMode


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
