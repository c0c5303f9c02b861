"""The command: ``python -m benchmarks.gpu --help``."""

from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from benchmarks.gpu.models import describe_run, export_models
from benchmarks.gpu.report import Report
from benchmarks.gpu.run import PARTS, Plan, datasets_in, measure_parts
from benchmarks.gpu.schedule import Schedule
from export.bench.cases import Shape
from export.commands.bench import CUDA_BATCHES, SIZES, SizeType
from export.commands.options import json_option, write_json
from export.onnx.half import HalfOverflow
from model.data.dataset import DataError
from model.network.checkpoint import CheckpointError
from service.runtime import Device, missing_for_cuda

WEIGHTS: Final = Path(__file__).parents[2] / "model" / "weights" / "generalist-long.safetensors"
CPU_SIZES: Final = ((64, 64),)
CPU_BATCHES: Final = (1, 2)
SECONDS: Final = {Device.CUDA: 1.0, Device.CPU: 0.1}
LIMIT_HELP: Final = "Of the whole run: what has not begun by then is reported as not run."
DATA_HELP: Final = "Folder of datasets for parity and training.  [default: simulated frames]"


@click.command(epilog="Example: python -m benchmarks.gpu --minutes 30 --data datasets --json gpu.json")
@click.option("--minutes", type=click.FloatRange(0), default=30.0, show_default=True, help=LIMIT_HELP)
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help=DATA_HELP)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--checkpoint", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=WEIGHTS)
@click.option("--only", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS, help="May be repeated.")
@click.option("--size", "sizes", type=SizeType(), multiple=True, help="May be repeated.  [default: four, on CUDA]")
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, help="[default: 1, 8, 32 and 64, on CUDA]")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Of each contender at each shape.")
@json_option
def main(
    minutes: float,
    data: Path | None,
    device: str,
    checkpoint: Path,
    parts: tuple[str, ...],
    sizes: tuple[tuple[int, int], ...],
    batches: tuple[int, ...],
    seconds: float | None,
    json_file: Path | None,
) -> None:
    """Measure parity, speed and training rate on this machine's NVIDIA GPU, and print the tables.

    --device cpu runs the same code in tiny sizes, as a rehearsal; its figures say nothing about a GPU.

    Exit code 1: there is no GPU, an input cannot be read, or a model file differs from float32 on the CPU.
    """
    where = Device(device)
    reason = missing_for_cuda() if where is Device.CUDA else None
    if reason:
        raise click.ClickException(f"no CUDA here: {reason}; --device cpu runs the same code in tiny sizes")
    plan = Plan(where, parts, shapes(where, sizes, batches), seconds or SECONDS[where])
    schedule = Schedule(minutes, where)
    report = Report(describe_run(where), schedule.not_run)
    try:
        measure(plan, checkpoint, data, schedule, report, json_file)
    except (CheckpointError, DataError, HalfOverflow) as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.markdown())
    if not report.agrees:
        raise click.ClickException("a model file differs from float32 on the CPU: see the table of parity")


def measure(
    plan: Plan, checkpoint: Path, data: Path | None, schedule: Schedule, report: Report, json_file: Path | None
) -> None:
    """Run all parts; the JSON file is written again after each measurement, in case the process does not survive.

    Raises:
        CheckpointError, DataError, HalfOverflow: an input cannot be read or exported.
    """
    with datasets_in(data, plan.device) as datasets, TemporaryDirectory() as scratch:
        models = export_models(checkpoint, Path(scratch))
        for line in measure_parts(plan, models, datasets, schedule, report):
            click.echo(line, err=True)
            if json_file is not None:
                write_json(json_file, report.as_json())
    if json_file is not None:
        write_json(json_file, report.as_json())


def shapes(device: Device, sizes: tuple[tuple[int, int], ...], batches: tuple[int, ...]) -> list[Shape]:
    """Those asked for, small batches first; by default those of the service on CUDA, or tiny ones on the CPU."""
    cuda = device is Device.CUDA
    sizes, batches = sizes or (SIZES if cuda else CPU_SIZES), batches or (CUDA_BATCHES if cuda else CPU_BATCHES)
    return [Shape(width, height, batch) for batch, (width, height) in product(batches, sizes)]


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.gpu")
