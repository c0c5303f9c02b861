"""The table."""

import sys
from pathlib import Path
from typing import Final

import click
import torch

from benchmarks.by_card import file_of
from benchmarks.gpu.alive import is_alive
from benchmarks.gpu.supervised import AGAIN
from benchmarks.train_throughput.floor import floor
from benchmarks.train_throughput.plain_loop import BATCH, CROP
from benchmarks.train_throughput.rows import Rows
from benchmarks.train_throughput.ways import BFLOAT16, PLAIN, ways
from export.bench.report import describe_machine, processor
from model.data.dataset import FrameFolder

HALF_THE_BYTES: Final = 2  # twice as many steps a second


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cpu", show_default=True)
@click.option("--steps", default=0, help="Steps of a stretch; by default 200 on CUDA, 5 on the CPU.")
@click.option("--workers", default=2, show_default=True, help="Of the plain loop's data loader.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(data: Path, device: str, steps: int, workers: int, json_file: Path | None) -> None:
    """Print the table; ``--json`` keeps its figures."""
    where, folder = torch.device(device), FrameFolder(data / "NUAA-SIRST", "train")
    steps, warm_up = steps or (200 if device == "cuda" else 5), 20 if device == "cuda" else 2
    name = torch.cuda.get_device_name() if device == "cuda" else describe_machine()
    lowest = floor(where)
    chip = name if device == "cuda" else processor()
    on = f"{chip}, PyTorch {torch.__version__}, {steps} steps"
    rows = Rows(json_file and file_of(json_file, chip), on, device=name, floor=lowest)
    click.echo(f"{name}, PyTorch {torch.__version__}, batch {BATCH} of {CROP}x{CROP}")
    click.echo(f"floor: {lowest['bytes_per_step'] / 1e6:.0f} MB a step at {lowest['bandwidth'] / 1e9:.0f} GB/s\n")
    click.echo("| how | steps/s | against the plain loop | of the memory floor |\n| --- | --- | --- | --- |")
    plain: float | None = None
    todo = ways(folder, where, workers, warm_up, steps)
    for how, work in todo.items():
        value = rows.measure(how, work)
        plain = value if how == PLAIN else plain
        possible = lowest["steps_per_s"] * (HALF_THE_BYTES if BFLOAT16 in how else 1)
        click.echo(f"| {how} | {_cells(value, plain, possible)} |")
        if value is None and not is_alive(device):
            click.echo("nothing runs on CUDA in this process any more", err=True)
            sys.exit(AGAIN)
    if rows.missing(todo):
        sys.exit(AGAIN)


def _cells(value: float | None, plain: float | None, possible: float) -> str:
    if value is None:
        return "failed | - | -"
    return f"{value:.2f} | {f'{value / plain:.2f}x' if plain else '-'} | {100 * value / possible:.0f} %"
