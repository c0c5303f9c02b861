"""Frames per second of the network by every way to run it, against the floor; and whether the GPU answers as the CPU.

python3 -m benchmarks.gpu.performance --fp32 fp32.onnx --fp16 fp16.onnx --data datasets --json performance.json
"""

import gc
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

import model
from benchmarks.gpu.contenders import Answer, Frames, contenders, device_name, release, versions
from benchmarks.gpu.parity import Parity, markdown, measure_parity
from export.bench.cases import Case, Shape, frames
from export.bench.floor import Floor, find_floors
from export.bench.report import describe_machine
from export.bench.timing import Plan, Timing, measure, warm_up
from export.bench_command import CUDA_BATCHES, SIZES, SizeType
from export.graph import PRECISIONS, Precision
from export.table import Table
from service.runtime import Device, Runtime

CHECKPOINT: Final = Path(model.__file__).parent / "weights" / "nuaa-sirst.safetensors"


@dataclass(frozen=True, slots=True)
class Speed:
    """One way at one shape; ``fault`` is why there is no timing."""

    how: str
    precision: Precision
    shape: Shape
    timing: Timing | None
    fault: str
    floor: Floor


@click.command()
@click.option("--fp32", type=click.Path(exists=True, path_type=Path), required=True, help="CHECKPOINT, exported.")
@click.option("--fp16", type=click.Path(exists=True, path_type=Path), help="The same in float16.")
@click.option("--checkpoint", type=click.Path(exists=True, path_type=Path), default=CHECKPOINT)
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Data sets, for scores of GPU and CPU.")
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--size", "sizes", type=SizeType(), multiple=True, default=SIZES)
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, default=CUDA_BATCHES)
@click.option("--seconds", type=float, default=1.0, show_default=True, help="Of each way at each shape.")
@click.option("--compile", "compile_network", is_flag=True, help="PyTorch compiled too: a minute a shape.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    fp32: Path,
    fp16: Path | None,
    checkpoint: Path,
    data: Path | None,
    device: str,
    sizes: tuple[tuple[int, int], ...],
    batches: tuple[int, ...],
    seconds: float,
    compile_network: bool,
    json_file: Path | None,
) -> None:
    """Print a row as soon as it is measured, then the scores; what is measured is in the file even if time runs out."""
    where = Device(device)
    files = {precision: path for precision, path in zip(PRECISIONS, (fp32, fp16), strict=True) if path}
    about = ", ".join((device_name(where), describe_machine(), *versions()))
    speeds: list[Speed] = []
    parity: list[Parity] = []

    def keep() -> None:
        if json_file is not None:
            json_file.parent.mkdir(parents=True, exist_ok=True)
            json_file.write_text(json.dumps(as_json(about, speeds, parity), indent=1) + "\n")

    click.echo(f"{about}\n\n{speed_table([])}")
    for precision, file in files.items():
        ways = contenders(checkpoint, file, precision, where, compile_network)
        shapes = [Shape(width, height, batch) for (width, height), batch in product(sizes, batches)]
        _, floors = find_floors(Runtime(file, where), shapes)
        for shape, floor in zip(shapes, floors, strict=True):
            timings = at_shape(ways, shape, seconds)
            found = [Speed(how, precision, shape, timing, fault, floor) for how, timing, fault in timings]
            click.echo("\n".join(speed_table(found).splitlines()[2:]))
            speeds += found
            keep()
    if data is not None:
        parity += measure_parity(data, files, where)
        click.echo(f"\n{markdown(parity)}")
        keep()


def at_shape(
    ways: dict[str, Callable[[Shape], Answer]], shape: Shape, seconds: float
) -> list[tuple[str, Timing | None, str]]:
    """All ways in turns; one that has no memory for the shape, or cannot run it, says so in place of a timing."""
    intensities = frames(shape).astype(np.float32)[:, None]
    cases: dict[str, Case] = {}
    faults: dict[str, str] = {}
    for how, prepare in ways.items():
        try:
            case = case_of(prepare(shape), shape, intensities)
            warm_up(case)
            cases[how] = case
        except Exception as error:  # every library has its own
            faults[how] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    timings = dict(zip(cases, measure(list(cases.values()), Plan(seconds)), strict=True))
    cases.clear()
    gc.collect()
    release()
    return [(how, timings.get(how), faults.get(how, "")) for how in ways]


def case_of(answer: Answer, shape: Shape, intensities: Frames) -> Case:
    """The frames are there before the clock starts."""

    def call() -> None:
        answer(intensities)

    return Case(shape, lambda: nullcontext(call))


def speed_table(speeds: list[Speed]) -> str:
    """A table."""
    head = ("size", "batch", "precision", "how", "frames/s", "p50 ms", "p99 ms", "of the floor")
    return Table(head, tuple(_cells(speed) for speed in speeds)).markdown()


def _cells(speed: Speed) -> tuple[str, ...]:
    timing = speed.timing
    measured: tuple[str, ...] = (speed.fault, "-", "-", "-")
    if timing is not None:
        share = 100 * timing.frames_per_second / speed.floor.frames_per_second
        measured = (
            f"{timing.frames_per_second:.1f}",
            f"{timing.p50_ms:.2f}",
            f"{timing.p99_ms:.2f}",
            f"{share:.0f} %",
        )
    return (speed.shape.size, str(speed.shape.batch), speed.precision, speed.how, *measured)


def as_json(about: str, speeds: list[Speed], parity: list[Parity]) -> dict[str, Any]:
    """Everything measured."""
    return {"about": about, "speeds": [asdict(one) for one in speeds], "parity": [asdict(one) for one in parity]}


if __name__ == "__main__":
    main()
