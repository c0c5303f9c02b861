"""What pairs of pixels save: one network compiled as it is and in pairs, in turns, on one thread.

CPU time counts, so that another process on the same core changes little. Each turn gives one ratio; the table shows the
medians.

python -m benchmarks.cpu.pairs
"""

import time
from itertools import product
from pathlib import Path
from statistics import median
from typing import Final

import click
import numpy as np

from benchmarks.cpu.libraries import DIFFERENCE
from export.bench.report import describe_machine
from export.report.table import Table
from service.pretrained import DEFAULT
from service.runtime import Device, Runtime
from service.runtime.cpus import has_bf16
from service.runtime.openvino.compiled import Compiled, Frame
from service.runtime.openvino.compiler import Compiler
from service.simulation.scene import make_scene

SIZES: Final = ((256, 256), (512, 640))  # height, width
RUNS: Final = 8  # of a network in a turn


@click.command()
@click.option("--model", type=click.Path(exists=True, path_type=Path), default=DEFAULT)
@click.option("--turns", type=click.IntRange(1), default=9, show_default=True)
def main(model: Path, turns: int) -> None:
    """Print a row for each precision and size. ``difference`` is the largest one to ONNX Runtime in float32."""
    precisions = ["f32", "bf16"] if has_bf16() else ["f32"]
    rows = tuple(_row(model, precision, size, turns) for precision, size in product(precisions, SIZES))
    columns = ("precision", "size", "as it is, ms", "in pairs, ms", "ratio", f"{DIFFERENCE} as it is", "in pairs")
    click.echo(f"{describe_machine()}. Turns: {turns}.\n\n{Table(columns, rows).markdown()}")


def _row(model: Path, precision: str, size: tuple[int, int], turns: int) -> tuple[str, ...]:
    height, width = size
    frame = np.asarray(make_scene(0, height, width).counts(8), np.float32)[None, None]
    networks = [_compiled(model, precision, size, pairs=pairs) for pairs in (False, True)]
    times = [[_ms(network, frame) for network in networks] for _ in range(turns)]
    plain, paired = (median(column) for column in zip(*times, strict=True))
    ratio = median(one / other for other, one in times)
    expected = Runtime(model, Device.CPU, 1).probabilities(frame)
    differences = [f"{float(np.abs(network.run(frame) - expected).max()):.2g}" for network in networks]
    return precision, f"{width}x{height}", f"{plain:.1f}", f"{paired:.1f}", f"{ratio:.2f}", *differences


def _compiled(model: Path, precision: str, size: tuple[int, int], *, pairs: bool) -> Compiled:
    return Compiler(model, model.read_bytes(), 1, pairs=pairs).compile(precision, None, size)


def _ms(network: Compiled, frame: Frame) -> float:
    network.run(frame)
    before = time.process_time()
    for _ in range(RUNS):
        network.run(frame)
    return 1e3 * (time.process_time() - before) / RUNS


if __name__ == "__main__":
    main()
