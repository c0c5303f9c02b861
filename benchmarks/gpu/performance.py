"""Frames per second of the network by every way to run it, against the floor.

python3 -m benchmarks.gpu.performance --fp32 fp32.onnx --fp16 fp16.onnx --json performance.json

Cases that the file already holds, measured on the same device with the same versions, are not measured again.
"""

import gc
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Final

import click
import numpy as np

from benchmarks.gpu.contenders import Answer, Frames, contenders, device_name, release, variants, versions
from benchmarks.gpu.speeds import Speed, by_case, main_table, read_speed, variants_table, verdicts
from benchmarks.gpu.steps import WEIGHTS
from export.bench.cases import Case, Shape, frames
from export.bench.floor import find_floors
from export.bench.report import describe_machine
from export.bench.timing import Plan, Timing, measure, warm_up
from export.bench_command import CUDA_BATCHES, SIZES, SizeType
from export.graph import PRECISIONS
from model.files import write_atomically
from service.runtime import Device, Runtime

BATCHES: Final = (1, 64, 8, 32)  # the ends first, in case the time does not last
assert sorted(BATCHES) == sorted(CUDA_BATCHES)


@click.command()
@click.option("--fp32", type=click.Path(exists=True, path_type=Path), required=True, help="CHECKPOINT, exported.")
@click.option("--fp16", type=click.Path(exists=True, path_type=Path), help="The same in float16.")
@click.option("--checkpoint", type=click.Path(exists=True, path_type=Path), default=WEIGHTS)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--size", "sizes", type=SizeType(), multiple=True, default=SIZES)
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, default=BATCHES)
@click.option("--seconds", type=float, default=1.0, show_default=True, help="Of each way at each shape.")
@click.option("--compile", "compile_network", is_flag=True, help="PyTorch compiled too: a minute a shape.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(
    fp32: Path,
    fp16: Path | None,
    checkpoint: Path,
    device: str,
    sizes: tuple[tuple[int, int], ...],
    batches: tuple[int, ...],
    seconds: float,
    compile_network: bool,
    json_file: Path | None,
) -> None:
    """Print a row as soon as it is measured, and the tables at the end; every row is kept at once."""
    where = Device(device)
    files = {precision: path for precision, path in zip(PRECISIONS, (fp32, fp16), strict=True) if path}
    on = ", ".join((device_name(where), *versions()))
    speeds = kept(json_file, on)
    shapes = [Shape(width, height, batch) for (width, height), batch in product(sizes, batches)]
    for precision, file in files.items():
        missing = [shape for shape in shapes if (precision, shape) not in by_case(speeds)]
        ways = contenders(checkpoint, file, precision, where, compile_network)
        changed = variants(file, where)
        _, floors = find_floors(Runtime(file, where), missing) if missing else (None, [])
        for shape, floor in zip(missing, floors, strict=True):
            found = [
                Speed(how, precision, shape, timing, fault, floor)
                for how, timing, fault in at_shape(ways | (changed if is_tried(shape) else {}), shape, seconds)
            ]
            click.echo(main_table(found).splitlines()[-1])
            speeds += found
            keep(json_file, on, speeds)
    about = f"{on}, {describe_machine()}"
    parts = (f"\n{about}", main_table(speeds), variants_table(speeds), "\n".join(verdicts(speeds)))
    click.echo("\n\n".join(part for part in parts if part))


def is_tried(shape: Shape) -> bool:
    """Whether variants of our settings are measured too: each is a session that looks for its kernels first."""
    return shape.size in {"256x256", "640x512"} and shape.batch in {1, 64}


def kept(json_file: Path | None, on: str) -> list[Speed]:
    """What an earlier call measured on the same device."""
    if json_file is None or not json_file.exists():
        return []
    before = json.loads(json_file.read_text())
    if before["on"] != on:
        click.echo(f"{json_file} was measured on {before['on']}: all is measured again")
        return []
    return [read_speed(entry) for entry in before["speeds"]]


def keep(json_file: Path | None, on: str, speeds: list[Speed]) -> None:
    """Write all of it; a call that ends in the middle leaves the file as it was."""
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        found = {"on": on, "machine": describe_machine(), "speeds": [asdict(one) for one in speeds]}
        write_atomically(json_file, (json.dumps(found, indent=1) + "\n").encode())


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


if __name__ == "__main__":
    main()
