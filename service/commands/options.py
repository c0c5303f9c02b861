"""Types of command line options that several commands share."""

import math
from typing import Any

import click

from intensity import Range
from service.detection.options import Radiometry, RangeMode, parse_radiometry, parse_range


class FiniteRange(click.FloatRange):
    """``click.FloatRange`` without NaN, which click accepts because NaN compares false with every bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert to a finite number within the range; anything else is a usage error (exit code 2)."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class RangeType(click.ParamType[RangeMode | Range]):
    """``auto``, ``dtype``, ``minmax`` or ``LO:HI``, as in the HTTP parameter ``range``."""

    name = "range"

    def convert(
        self, value: str | RangeMode | Range, param: click.Parameter | None, ctx: click.Context | None
    ) -> RangeMode | Range:
        """Convert text to a range; text that names none is a usage error (exit code 2)."""
        try:
            return parse_range(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RadiometryType(click.ParamType[Radiometry]):
    """``GAIN:OFFSET``, as in the HTTP parameter ``radiometry``."""

    name = "gain:offset"

    def convert(self, value: str | Radiometry, param: click.Parameter | None, ctx: click.Context | None) -> Radiometry:
        """Convert text to a radiometry; text that names none is a usage error (exit code 2)."""
        try:
            return parse_radiometry(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
