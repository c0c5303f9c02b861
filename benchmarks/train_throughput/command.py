"""The command line."""

from pathlib import Path

import click
import torch

from benchmarks.train_throughput.memory_limit import measure_memory_limit
from benchmarks.train_throughput.plain_loop import BATCH, CROP
from benchmarks.train_throughput.rates import measure_rates, rates_table
from benchmarks.train_throughput.ways import STEPS, ways
from export.bench.report import describe_machine
from export.commands.options import json_option, write_json
from model.data.dataset import DataError, FrameFolder


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds NUAA-SIRST.")
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cpu", show_default=True)
@click.option("--steps", type=click.IntRange(1), help="Steps of a stretch.  [default: 200 on CUDA, 5 on the CPU]")
@click.option("--workers", default=2, show_default=True, help="Processes of the plain loop's data loader.")
@json_option
def main(data: Path, device: str, steps: int | None, workers: int, json_file: Path | None) -> None:
    """Print a line as soon as a way to train is measured, and the table at the end."""
    where = torch.device(device)
    name = torch.cuda.get_device_name() if device == "cuda" else describe_machine()
    try:
        folder = FrameFolder(data / "NUAA-SIRST", "train")
        todo = ways(folder, where, workers, steps or STEPS[device])
    except DataError as error:
        raise click.ClickException(str(error)) from error
    limit = measure_memory_limit(where)
    click.echo(f"{name}, PyTorch {torch.__version__}, batch {BATCH} of {CROP}x{CROP}")
    click.echo(f"memory limit: {limit.bytes_per_step / 1e6:.0f} MB a step at {limit.bandwidth / 1e9:.0f} GB/s\n")
    rates = []
    for one in measure_rates(todo):
        rates.append(one)
        click.echo(f"{one.way}: {one.fault or f'{one.steps_per_s:.2f} steps/s'}")
    click.echo(f"\n{rates_table(rates, limit)}")
    if json_file is not None:
        floor = {
            "bytes_per_step": limit.bytes_per_step,
            "bandwidth": limit.bandwidth,
            "steps_per_s": limit.steps_per_s,
        }
        write_json(json_file, {"device": name, "steps_per_s": {r.way: r.steps_per_s for r in rates}, "floor": floor})
