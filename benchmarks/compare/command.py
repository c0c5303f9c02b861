"""The command line of the comparison."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.compare.contenders import GROUPS, Contender, UnknownContenderError, choose
from benchmarks.compare.run import Comparison, Result
from benchmarks.compare.summary import Row, as_table
from model.commands.train import choose_device
from model.data.dataset import DataError, FrameFolder
from model.data.packed import pack
from model.files import write_atomically
from model.recipe import Initialisation, Recipe, RecipeError, load_recipe
from model.training.allocator import keep_freed_memory
from model.training.selection import read_frames
from model.training.state import ResumeError
from model.training.trainer import TrainingError

EPILOG = """Example: python -m benchmarks.compare hosts --data datasets --out runs/compare --only acm --only acm-rucb
--seeds 1 --minutes 9 --device cuda --table hosts.md"""
STRIDE = 32  # of the deepest of the networks
FAULTS = (DataError, RecipeError, ResumeError, TrainingError, UnknownContenderError, OSError)


@click.command(epilog=EPILOG)
@click.argument("groups", nargs=-1, required=True, type=click.Choice(list(GROUPS)))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the data sets.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Each run gets a folder NAME-SEED in it.")
@click.option("--recipe", default="nuaa-sirst", show_default=True, help="All of it counts but its network and budget.")
@click.option("--split", default="test", show_default=True, help="Split to score, of each dataset of the recipe.")
@click.option("--only", multiple=True, metavar="NAME", help="Of the groups, this one; may be repeated.")
@click.option("--steps", type=click.IntRange(1), default=2400, show_default=True)
@click.option("--batch", type=click.IntRange(2), default=8, show_default=True)
@click.option(
    "--crop", type=click.IntRange(STRIDE), default=128, show_default=True, help=f"Pixels; a multiple of {STRIDE}."
)
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How many, from 0.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop after this long; the next call goes on.")
@click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all scores here.")
@click.option("--table", "table_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the table here.")
def compare_command(
    groups: tuple[str, ...],
    data: Path,
    out: Path,
    recipe: str,
    split: str,
    only: tuple[str, ...],
    steps: int,
    batch: int,
    crop: int,
    seeds: int,
    minutes: float | None,
    device: str,
    json_file: Path | None,
    table_file: Path | None,
) -> None:
    """Train the networks of GROUPS under one budget and score them; what --out has already is not done again.

    One seed after the other, so that a comparison cut short has every network. Prints a Markdown table: of each
    score the median over seeds, then each seed's value.
    """
    deadline = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    keep_freed_memory()
    if crop % STRIDE:
        raise click.BadParameter(f"{crop} is no multiple of {STRIDE}", param_hint="--crop")
    try:
        contenders = choose(groups, only)
        comparison = _prepare(
            load_recipe(recipe).with_budget(steps, batch, crop), data, split, choose_device(device), out
        )
        rows = _run_all(comparison, contenders, range(seeds), deadline)
        table = as_table(rows).markdown()
        click.echo(f"\n{table}")
        if table_file is not None:
            write_atomically(table_file, f"{table}\n".encode())
        if json_file is not None:
            write_atomically(json_file, json.dumps(_as_json(comparison, rows), indent=1).encode() + b"\n")
    except FAULTS as error:
        raise click.ClickException(str(error)) from error


def _prepare(recipe: Recipe, data: Path, split: str, device: torch.device, out: Path) -> Comparison:
    if recipe.start is not None or recipe.initialisation is not Initialisation.PYTORCH:
        raise RecipeError(
            f"recipe {recipe.name} says what one network begins with: here all begin as PyTorch draws them"
        )
    tests = tuple(FrameFolder(data / name, split) for name in recipe.datasets)
    return Comparison(recipe, pack(read_frames(recipe, data)).to(device), tests, device, out)


def _run_all(comparison: Comparison, contenders: list[Contender], seeds: Iterable[int], deadline: float) -> list[Row]:
    """Every run that is not finished, until the deadline."""

    def late() -> bool:
        return time.monotonic() > deadline

    results: dict[str, list[Result]] = {contender.name: [] for contender in contenders}
    for seed in seeds:
        for contender in contenders:
            result = comparison.finished(contender, seed)
            if result is None and not late():
                click.echo(f"{contender.name}-{seed}: training")
                result = comparison.run(contender, seed, late)
                click.echo(f"{contender.name}-{seed}: {'finished' if result else 'stopped'}")
            if result is not None:
                results[contender.name].append(result)
    return [Row(name, tuple(of_name)) for name, of_name in results.items()]


def _as_json(comparison: Comparison, rows: list[Row]) -> dict[str, Any]:
    return {
        "recipe": comparison.recipe.model_dump(mode="json"),
        "tested_on": comparison.tested_on,
        "devices": sorted({result.device for row in rows for result in row.results}),
        "pytorch": torch.__version__,
        "networks": {row.name: row.as_json() for row in rows},
    }
