"""Types of command line options that several commands share."""

import math
from typing import Any, Final

import click
from click.core import ParameterSource

from intensity import Range
from service.detection.options import Radiometry, RangeMode, parse_radiometry, parse_range
from service.runtime import Device, Engine, EngineChoice, Precision
from service.settings import SettingsFault, load_engine_choice

ENGINES: Final = click.Choice([one.value for one in Engine])
PRECISIONS: Final = click.Choice([one.value for one in Precision])
engine_option = click.option(
    "--engine", type=ENGINES, help="Library that runs the model on a CPU. Default: RRCANET_ENGINE, or auto."
)
precision_option = click.option(
    "--precision", type=PRECISIONS, help="Precision of the arithmetic on a CPU. Default: RRCANET_PRECISION, or auto."
)


def engine_choice(device: Device, engine: str | None, precision: str | None) -> EngineChoice:
    """What the options and the settings say together.

    Raises:
        click.UsageError: this machine cannot follow them, or a setting is wrong.
    """
    try:
        return load_engine_choice(device, engine, precision, prefix="--")
    except SettingsFault as fault:
        raise click.UsageError(str(fault)) from fault


def refuse_engine_options() -> None:
    """For a command that runs no model on this machine: nothing would follow ``--engine`` and ``--precision``.

    Raises:
        click.UsageError: the user gave one of the two options.
    """
    source = click.get_current_context().get_parameter_source
    for name in ("engine", "precision"):
        if source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name} needs a model file")


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
