"""Other settings of ONNX Runtime on the CPU against those of ``service.runtime``, with OpenVINO to compare with.

In each turn every setting answers one call, so that a busy minute affects all settings alike. The order changes from
turn to turn. Before each call there is a pause, so that threads of the setting before do not spin any more. Each turn
gives one ratio to the service's setting; the table shows the median of the ratios with quartiles. The best of many
settings is often just lucky, so the three best run against the service's setting once more, and this final decides.

OpenVINO is left out if it is not installed. Its provider comes with `pip install onnxruntime-openvino==1.24.1`, which
replaces onnxruntime and needs an environment of its own.

python -m benchmarks.cpu.options --minutes 7 --json benchmarks/results/cpu-options.json
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import click
import numpy as np
import onnxruntime as ort

from benchmarks.cpu.settings import SERVICE, Frames, Setting, onnx_runtime_settings, openvino_settings
from export.bench.cases import Shape, frames
from export.bench.report import describe_machine
from export.report.table import Table
from service.pretrained import DEFAULT
from service.runtime import Device, Runtime

SHAPES: Final = (Shape(256, 256, 1), Shape(256, 256, 2), Shape(256, 256, 8), Shape(512, 512, 1), Shape(512, 512, 2))
WARM_UP: Final = 2
FEWEST: Final = 5  # turns, even if they take longer than the time allowed
PAUSE_S: Final = 0.02  # by then threads have stopped to spin, even without a limit in the settings
FINALISTS: Final = 3
FINAL_SHARE: Final = 0.3  # of the time
ALLOWED: Final = 1.1  # speed of ONNX Runtime's best setting over the service's setting


@dataclass(frozen=True, slots=True)
class Measured:
    """One setting at one shape: milliseconds a frame, speed over the service's setting, and quartiles of that speed."""

    setting: str
    by_onnx_runtime: bool
    size: str
    batch: int
    ms_a_frame: float
    speed: float
    quartiles: tuple[float, float]
    turns: int


def compare(settings: Sequence[Setting], shape: Shape, seconds: float) -> Iterator[Measured]:
    """Times of all settings at one shape; the first setting is the one that the others are compared with.

    Args:
        seconds: after which no further turn begins; the warm-up counts.
    """
    until = time.perf_counter() + seconds
    settings = [setting for setting in settings if setting.fewest <= shape.batch]
    intensities = frames(shape).astype(np.float32)[:, None]
    for setting in settings:
        for _ in range(WARM_UP):
            setting.answer(intensities)
    order = random.Random(0)
    turns: list[list[float]] = []
    while len(turns) < FEWEST or time.perf_counter() < until:
        turns.append(_turn(settings, intensities, order))
    times = np.array(turns)
    speeds = times[:, :1] / times
    for setting, spent, speed in zip(settings, times.T, speeds.T, strict=True):
        low, middle, high = (float(value) for value in np.quantile(speed, (0.25, 0.5, 0.75)))
        ms = 1e3 * float(np.median(spent))
        onnx_runtime = setting.by_onnx_runtime
        yield Measured(setting.name, onnx_runtime, shape.size, shape.batch, ms, middle, (low, high), len(turns))


def _turn(settings: Sequence[Setting], intensities: Frames, order: random.Random) -> list[float]:
    """Seconds a frame of each setting; the calls come in random order."""
    spent = dict.fromkeys(range(len(settings)), 0.0)
    for index in order.sample(list(spent), len(spent)):
        time.sleep(PAUSE_S)
        spent[index] = _seconds_a_frame(settings[index], intensities)
    return list(spent.values())


def _seconds_a_frame(setting: Setting, intensities: Frames) -> float:
    began = time.perf_counter()
    setting.answer(intensities)
    return (time.perf_counter() - began) / len(intensities)


def markdown(measured: Sequence[Measured]) -> str:
    """The table of docs/development/benchmarks.md: a row a setting, a column a shape."""
    columns = list(dict.fromkeys((one.size, one.batch) for one in measured))
    found = {(one.setting, one.size, one.batch): one for one in measured}
    head = ("setting", *(f"{size}, batch {batch}" if batch > 1 else size for size, batch in columns))
    rows = tuple(
        (name, *(_cell(found.get((name, *column))) for column in columns))
        for name in dict.fromkeys(one.setting for one in measured)
    )
    return Table(head, rows).markdown()


def _cell(one: Measured | None) -> str:
    if one is None:
        return ""
    if one.setting == SERVICE:
        return f"1 ({one.ms_a_frame:.1f} ms a frame, {one.turns} turns)"
    return "{:.2f} ({:.2f} to {:.2f})".format(one.speed, *one.quartiles)


def final(settings: Sequence[Setting], measured: Sequence[Measured], shape: Shape, seconds: float) -> list[Measured]:
    """Time the service's setting and the best other settings of ONNX Runtime at one shape once more."""
    others = [one for one in measured if one.by_onnx_runtime and one.setting != SERVICE]
    best = sorted(others, key=lambda one: one.speed, reverse=True)[:FINALISTS]
    chosen = {SERVICE, *(one.setting for one in best)}
    return list(compare([setting for setting in settings if setting.name in chosen], shape, seconds))


def verdict(finalists: Sequence[Measured]) -> str:
    """Whether the service's setting is within 10 % of ONNX Runtime's best."""
    best = max(finalists, key=lambda one: one.speed)
    near = "within" if best.speed <= ALLOWED else "NOT within"
    speed = "{:.2f} ({:.2f} to {:.2f}, {} turns)".format(best.speed, *best.quartiles, best.turns)
    return f"{best.size}, batch {best.batch}: best is '{best.setting}' at {speed} over the service's; {near} 10 %"


@click.command()
@click.option(
    "--model", type=click.Path(exists=True, path_type=Path), default=DEFAULT, help="By default the model that ships."
)
@click.option(
    "--other",
    "others",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Another model file to compare with.",
)
@click.option("--only", default="", help="Only settings with this in their name, and the service's setting.")
@click.option("--size", "shapes", type=(int, int, int), multiple=True, help="WIDTH HEIGHT BATCH; five by default.")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=7.0,
    show_default=True,
    help="For all shapes together.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    model: Path,
    others: tuple[Path, ...],
    only: str,
    shapes: tuple[tuple[int, int, int], ...],
    minutes: float,
    json_file: Path | None,
) -> None:
    """Print the table: every setting at every shape, over the service's setting."""
    settings = [*onnx_runtime_settings(model), *openvino_settings(model)]
    for other in others:
        settings += [Setting(f"as the service, {other.name}", Runtime(other, Device.CPU).probabilities)]
        settings += [replace(one, name=f"{one.name}, {other.name}") for one in openvino_settings(other)]
    settings = [one for one in settings if one.name == SERVICE or only in one.name]
    about = f"{describe_machine()}, ONNX Runtime {ort.__version__}"
    chosen = [Shape(*one) for one in shapes] or SHAPES
    seconds = 60 * minutes / len(chosen)
    measured, finals = [], []
    for shape in chosen:
        here = list(compare(settings, shape, (1 - FINAL_SHARE) * seconds))
        measured += here
        finals.append(final(settings, here, shape, FINAL_SHARE * seconds))
    click.echo("\n".join((about, "", markdown(measured), "", *map(verdict, finals))))
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        tables = {"measured": measured, "finals": chain(*finals)}
        found = {"machine": about, "minutes": minutes} | {k: [asdict(one) for one in t] for k, t in tables.items()}
        json_file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
