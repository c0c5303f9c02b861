"""How a caller names the mapping of counts to intensity."""

import math

import click

from intensity import Range
from service.detection.detector import RangeMode


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


class RangeType(click.ParamType[RangeMode | Range]):
    """``auto``, ``dtype``, ``minmax`` or ``LO:HI``."""

    name = "range"

    def convert(
        self, value: str | RangeMode | Range, param: click.Parameter | None, ctx: click.Context | None
    ) -> RangeMode | Range:
        """As the HTTP parameter."""
        try:
            return parse_range(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
