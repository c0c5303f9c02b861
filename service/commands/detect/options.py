"""The options of detection that ``rrcanet detect`` and ``rrcanet bulk`` share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from intensity import Range
from service.commands.options import (
    FiniteRange,
    RadiometryType,
    RangeType,
    engine_choice,
    engine_option,
    precision_option,
)
from service.detection.options import Options, Polarity, Radiometry, RangeMode
from service.detection.sensitivity import FALSE_ALARMS_PER_MPX, Sensitivity, false_alarm_rate, rate_warning
from service.frames import LONGEST_SIDE, MOST_BYTES, RawLayout, RawType, Reading, layout_fault, parse_rows
from service.pretrained import DEFAULT
from service.runtime import Device, EngineChoice
from service.runtime.card import Card

RAW_TYPES: Final = click.Choice([one.value for one in RawType])
POLARITIES: Final = click.Choice([one.value for one in Polarity])
CONFIDENCE_HELP: Final = "Leave out targets below this confidence, a calibrated probability."
SENSITIVITIES: Final = click.Choice([one.value for one in Sensitivity])
SENSITIVITY_HELP: Final = (
    "Leave out targets by a rate of false alarms in a million pixels: "
    f"{', '.join(f'{name} {rate:g}' for name, rate in FALSE_ALARMS_PER_MPX.items())}. The model needs a measured curve."
)
POLARITY_HELP: Final = (
    "white_hot: targets are brighter than their background; "
    "black_hot: targets are darker, so the frame is inverted before the network runs."
)
RADIOMETRY_HELP: Final = (
    "How counts become temperatures: counts times GAIN plus OFFSET are degrees Celsius, for example 0.04:-273.15."
)
SIDES: Final = click.IntRange(1, LONGEST_SIDE)
BYTES: Final = click.IntRange(0, MOST_BYTES)
UNIT: Final = FiniteRange(0, 1)


T = TypeVar("T", bound=Callable[..., Any])
DECORATORS: Final = (
    click.option(
        "--model",
        type=click.Path(path_type=Path),
        default=DEFAULT,
        help="Model file; by default the one that comes with the package.",
    ),
    click.option(
        "--device", type=click.Choice([one.value for one in Device]), default=Device.AUTO.value, show_default=True
    ),
    engine_option,
    precision_option,
    click.option(
        "--threshold",
        type=UNIT,
        help="Pixels above this probability belong to targets; by default the model card's threshold.",
    ),
    click.option("--min-confidence", type=UNIT, default=0.0, show_default=True, help=CONFIDENCE_HELP),
    click.option("--sensitivity", type=SENSITIVITIES, help=SENSITIVITY_HELP),
    click.option(
        "--false-alarms-per-mpx",
        type=FiniteRange(0, min_open=True),
        help="As --sensitivity, with a rate of your own.",
    ),
    click.option(
        "--min-area", type=click.IntRange(1), default=1, show_default=True, help="Leave out targets of fewer pixels."
    ),
    click.option(
        "--max-targets", type=click.IntRange(0), default=1000, show_default=True, help="Most targets per frame."
    ),
    click.option(
        "--range",
        "span",
        type=RangeType(),
        default="auto",
        show_default=True,
        help="How counts map to intensity: auto, dtype, minmax or LO:HI.",
    ),
    click.option(
        "--polarity", type=POLARITIES, default=Polarity.WHITE_HOT.value, show_default=True, help=POLARITY_HELP
    ),
    click.option(
        "--width", type=SIDES, help="Pixels per raw row. Files of raw rows need --width, --height and --dtype."
    ),
    click.option("--height", type=SIDES, help="Raw rows per frame; a file may hold several frames back to back."),
    click.option("--dtype", type=RAW_TYPES, help="Type of raw pixels."),
    click.option("--skip", type=BYTES, default=0, show_default=True, help="Bytes before the first raw row."),
    click.option(
        "--stride",
        type=click.IntRange(1, MOST_BYTES),
        help="Bytes from one raw row to the next.",
    ),
    click.option("--rows", metavar="TOP:BOTTOM", help="Raw rows of the picture, without telemetry and BOTTOM."),
    click.option("--fill", type=FiniteRange(), help="A count that means no data; such pixels are left out as NaN is."),
    click.option("--byteswap", is_flag=True, help="Swap the two bytes of every 16-bit count."),
    click.option("--radiometric", is_flag=True, help="Read the raw counts that a JPEG of a FLIR camera carries."),
    click.option("--radiometry", type=RadiometryType(), help=RADIOMETRY_HELP),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose: the model, what runs it, the options of detection, and how files are read."""

    model: Path
    device: Device
    engine: EngineChoice
    options: Options
    raw: RawLayout | None
    reading: Reading


def detection_options(command: T) -> T:
    """Add the options to a command, which takes them as ``**given`` and calls ``choose(**given)``."""
    for decorate in reversed(DECORATORS):
        command = decorate(command)
    return command


def choose(
    model: Path,
    device: str,
    engine: str | None,
    precision: str | None,
    threshold: float | None,
    min_confidence: float,
    sensitivity: Sensitivity | None,
    false_alarms_per_mpx: float | None,
    min_area: int,
    max_targets: int,
    span: RangeMode | Range,
    polarity: Polarity,
    width: int | None,
    height: int | None,
    dtype: RawType | None,
    skip: int,
    stride: int | None,
    rows: str | None,
    fill: float | None,
    byteswap: bool,
    radiometric: bool,
    radiometry: Radiometry | None,
) -> Choice:
    """What the values of the options mean together.

    Raises:
        click.UsageError: two options contradict each other, or a third one is missing; the engine cannot be had.
    """
    rate = _false_alarm_rate(sensitivity, false_alarms_per_mpx)
    options = Options(threshold, min_confidence, min_area, max_targets, span, Polarity(polarity), rate, radiometry)
    raw, reading = _layout(width, height, dtype, skip, stride, rows), Reading(fill, byteswap, radiometric)
    choice = engine_choice(Device(device), engine, precision)
    return Choice(model, Device(device), choice, options, raw, reading)


def warn_about_rate(card: Card, options: Options) -> None:
    """Say once that the rate of false alarms is uncertain; the frames say it, too."""
    warning = rate_warning(card, options)
    if warning is not None:
        click.echo(f"warning: {warning}", err=True)


def _false_alarm_rate(sensitivity: Sensitivity | None, false_alarms_per_mpx: float | None) -> float | None:
    source = click.get_current_context().get_parameter_source
    others = {name: source(name) is not ParameterSource.DEFAULT for name in ("min_confidence", "threshold")}
    try:
        return false_alarm_rate(sensitivity and Sensitivity(sensitivity), false_alarms_per_mpx, others)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _layout(
    width: int | None, height: int | None, dtype: RawType | None, skip: int, stride: int | None, rows: str | None
) -> RawLayout | None:
    if (width, height, dtype, skip, stride, rows) == (None, None, None, 0, None, None):
        return None
    if width is None or height is None or dtype is None:
        raise click.UsageError("raw rows need all three of --width, --height and --dtype")
    try:
        layout = RawLayout(width, height, RawType(dtype), skip, stride, None if rows is None else parse_rows(rows))
    except ValueError as error:
        raise click.UsageError(f"--rows {error}") from error
    if fault := layout_fault(layout):
        raise click.UsageError(f"--{fault}")
    return layout
