"""ONNX Runtime's settings on the CPU side by side with those that `service.runtime` takes, and OpenVINO as a yardstick.

Every setting answers one call at every turn, so that a busy minute hits all alike; in another order each time and after
a pause, so that threads which still spin slow nobody's neighbour. A turn gives one ratio to our setting, and the median
of the ratios is shown, with quartiles. The best of many is often the luckiest: so the three best run against ours once
more, and that decides. What is not installed is left out: OpenVINO comes with `pip install openvino==2026.4.1`, its
provider with `pip install onnxruntime-openvino==1.24.1` in an environment of its own, in place of onnxruntime.

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

from benchmarks.cpu.settings import OURS, Frames, Setting, onnx_runtime_settings, openvino_settings
from export.bench.cases import Shape, frames
from export.bench.report import describe_machine
from export.report.table import Table
from service.pretrained import DEFAULT
from service.runtime import Device, Runtime

SHAPES: Final = (Shape(256, 256, 1), Shape(256, 256, 2), Shape(256, 256, 8), Shape(512, 512, 1), Shape(512, 512, 2))
WARM_UP: Final = 2
FEWEST: Final = 5  # turns, however long they take
PAUSE_S: Final = 0.02  # threads that spin without a limit of ours have gone to sleep by then
FINALISTS: Final = 3
FINAL_SHARE: Final = 0.3  # of the time
ALLOWED: Final = 1.1  # speed of ONNX Runtime's best setting over ours


@dataclass(frozen=True, slots=True)
class Measured:
    """One setting at one shape: milliseconds a frame, speed over ours, and the quartiles of that over the turns."""

    setting: str
    by_onnx_runtime: bool
    size: str
    batch: int
    ms_a_frame: float
    speed: float
    quartiles: tuple[float, float]
    turns: int


def compare(settings: Sequence[Setting], shape: Shape, seconds: float) -> Iterator[Measured]:
    """Times of all settings at one shape, the first being the one that others are compared with.

    Args:
        seconds: until no further turn begins, warm-up included.
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
        by_us = setting.by_onnx_runtime
        yield Measured(setting.name, by_us, shape.size, shape.batch, ms, middle, (low, high), len(turns))


def _turn(settings: Sequence[Setting], intensities: Frames, order: random.Random) -> list[float]:
    """Seconds a frame of each setting, taken in a random order."""
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
    if one.setting == OURS:
        return f"1 ({one.ms_a_frame:.1f} ms a frame, {one.turns} turns)"
    return "{:.2f} ({:.2f} to {:.2f})".format(one.speed, *one.quartiles)


def final(settings: Sequence[Setting], measured: Sequence[Measured], shape: Shape, seconds: float) -> list[Measured]:
    """Ours and ONNX Runtime's best settings of those measured at one shape, once more."""
    others = [one for one in measured if one.by_onnx_runtime and one.setting != OURS]
    best = sorted(others, key=lambda one: one.speed, reverse=True)[:FINALISTS]
    chosen = {OURS, *(one.setting for one in best)}
    return list(compare([setting for setting in settings if setting.name in chosen], shape, seconds))


def verdict(finalists: Sequence[Measured]) -> str:
    """Whether our setting is near enough to ONNX Runtime's best."""
    best = max(finalists, key=lambda one: one.speed)
    near = "within" if best.speed <= ALLOWED else "NOT within"
    speed = "{:.2f} ({:.2f} to {:.2f}, {} turns)".format(best.speed, *best.quartiles, best.turns)
    return f"{best.size}, batch {best.batch}: best is '{best.setting}' at {speed} of ours; {near} 10 %"


@click.command()
@click.option(
    "--model", type=click.Path(exists=True, path_type=Path), default=DEFAULT, help="The shipped one by default."
)
@click.option(
    "--other", "others", type=click.Path(exists=True, path_type=Path), multiple=True, help="A model file beside it."
)
@click.option("--only", default="", help="Settings with this in their name, besides ours.")
@click.option("--size", "shapes", type=(int, int, int), multiple=True, help="WIDTH HEIGHT BATCH; five by default.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=7.0, show_default=True, help="In all.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path))
def main(
    model: Path,
    others: tuple[Path, ...],
    only: str,
    shapes: tuple[tuple[int, int, int], ...],
    minutes: float,
    json_file: Path | None,
) -> None:
    """Print the table: every setting at every shape, against ours."""
    settings = [*onnx_runtime_settings(model), *openvino_settings(model)]
    for other in others:
        settings += [Setting(f"ours, {other.name}", Runtime(other, Device.CPU).probabilities)]
        settings += [replace(one, name=f"{one.name}, {other.name}") for one in openvino_settings(other)]
    settings = [one for one in settings if one.name == OURS or only in one.name]
    about = f"{describe_machine()}, ONNX Runtime {ort.__version__}"
    wanted = [Shape(*one) for one in shapes] or SHAPES
    seconds = 60 * minutes / len(wanted)
    measured, finals = [], []
    for shape in wanted:
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
