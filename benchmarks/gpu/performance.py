"""Frames per second of the network by every way to run it, against the floor.

python3 -m benchmarks.gpu.performance --fp32 fp32.onnx --fp16 fp16.onnx --json performance.json

What the file already holds, measured on the same device with the same versions, is not measured again; figures of
another card stay, and this one's go beside them. What failed is tried once more, by the next run: exit code 75 asks for
one. Tables of what there is so far: benchmarks.gpu.tables.
"""

import hashlib
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Final

import click

import service.runtime
from benchmarks.by_card import file_of
from benchmarks.gpu.alive import is_alive
from benchmarks.gpu.attempts import measure_case
from benchmarks.gpu.contenders import contenders, device_name, free_memory, variants, versions
from benchmarks.gpu.record import Record
from benchmarks.gpu.speeds import Case, main_table
from benchmarks.gpu.steps import WEIGHTS
from benchmarks.gpu.supervised import AGAIN
from benchmarks.gpu.tables import tables
from benchmarks.gpu.turns import Ways
from export.bench.cases import Shape
from export.bench.floor import Floor, find_floors
from export.bench.report import describe_machine
from export.commands.bench import CUDA_BATCHES, SIZES, SizeType
from export.onnx.graph import PRECISIONS, Precision
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
    card = device_name(where)
    on = ", ".join((card, *versions()))
    record = Record(json_file and file_of(json_file, card), on, fingerprint(files.values()))
    shapes = [Shape(width, height, batch) for batch, (width, height) in product(batches, sizes)]
    ways: dict[Case, Ways] = {
        (precision, shape): contenders(checkpoint, file, precision, where, compile_network)
        | (variants(file, where) if is_tried(shape) else {})
        for shape, (precision, file) in product(shapes, files.items())
    }
    todo = [case for case, there in ways.items() if record.missing(case, there)]
    floors = floors_of(todo, files, where)
    for case in todo:
        for _ in measure_case(record, case, ways[case], floors[case], seconds, free_memory(where)):
            if not is_alive(where):
                click.echo("nothing runs on CUDA in this process any more")
                sys.exit(AGAIN)
        click.echo(main_table(record.of(case).values()).splitlines()[-1])
    click.echo(f"\n{tables(f'{on}, {describe_machine()}', record.speeds)}")
    if any(record.missing(case, there) for case, there in ways.items()):
        sys.exit(AGAIN)


def fingerprint(models: Iterable[Path]) -> str:
    """Of what ``ours`` is: the code of the runtime, and the model files."""
    code = sorted(Path(service.runtime.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in (*code, *models))).hexdigest()


def is_tried(shape: Shape) -> bool:
    """Whether variants of our settings are measured too: each is a session whose kernels have to be planned first."""
    return shape.size in {"256x256", "640x512"} and shape.batch in {1, 64}


def floors_of(cases: list[Case], files: dict[Precision, Path], device: Device) -> dict[Case, Floor]:
    """The ceilings of each precision are measured once."""
    floors: dict[Case, Floor] = {}
    for precision, file in files.items():
        own = [case for case in cases if case[0] == precision]
        if own:
            _, found = find_floors(Runtime(file, device), [shape for _, shape in own])
            floors |= zip(own, found, strict=True)
    return floors


if __name__ == "__main__":
    main()
