"""``rrcanet train-many``: several runs at the same time on one device.

One run of this network leaves a GPU nearly idle. The runs take turns to start a step, each on its own CUDA stream, so
that their kernels overlap.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import click
import torch

from model.commands.train import LARGEST_SEED, choose_device, stop_signals
from model.data.dataset import DataError
from model.data.packed import PackedFrames, pack
from model.recipe import Recipe, RecipeError, load_recipe
from model.training.allocator import keep_freed_memory
from model.training.selection import read_frames, training_record
from model.training.state import ResumeError
from model.training.trainer import STATE_FILE, Progress, Trainer, TrainingError, refuse_to_overwrite

EPILOG = "Example: rrcanet train-many generalist:0 densesirst-best:0 densesirst-best:1 --data datasets --out runs"
REPORT_EVERY_S = 20.0


@click.command("train-many", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RECIPE:SEED...")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the datasets.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for a folder RECIPE-SEED per run.")
@click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop after this time; the next call resumes.")
@click.option("--compile", "compiled", is_flag=True, help="Fuse the network's operations; takes a minute per run.")
def train_many_command(
    runs: tuple[str, ...], data: Path, out: Path, device: str, minutes: float | None, compiled: bool
) -> None:
    """Train every RECIPE:SEED at the same time. A run that has a state in --out resumes from it.

    After SIGTERM or SIGINT every run writes its state and stops. Exit code 1: at least one run failed; the other runs
    were not affected.
    """
    keep_freed_memory()
    try:
        with stop_signals() as stop_requested:
            trainers = _prepare(runs, data, out, choose_device(device), compiled)
            _train(trainers, minutes, stop_requested)
    except (DataError, RecipeError, ResumeError, TrainingError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _prepare(
    runs: tuple[str, ...], data: Path, out: Path, device: torch.device, compiled: bool
) -> dict[str, tuple[Trainer, int]]:
    """Trainer and number of steps of each run. Runs with the same data share one packed copy of the frames."""
    packed: dict[tuple[object, ...], PackedFrames] = {}
    trainers: dict[str, tuple[Trainer, int]] = {}
    for run in runs:
        name, seed = _name_and_seed(run)
        recipe = load_recipe(name)
        key = (recipe.datasets, recipe.split, recipe.exclude, recipe.held_out)
        if key not in packed:
            packed[key] = pack(read_frames(recipe, data)).to(device)
        folder = out / f"{recipe.name}-{seed}"
        if folder.name in trainers:
            raise RecipeError(f"{run}: another run writes to {folder} already")
        trainer = _trainer(recipe, packed[key], seed, device, folder, compiled)
        trainers[folder.name] = (trainer, recipe.optimisation.steps)
    return trainers


def _name_and_seed(run: str) -> tuple[str, int]:
    name, _, seed = run.rpartition(":") if ":" in run else (run, "", "0")
    if not (seed.isascii() and seed.isdecimal() and len(seed) <= len(str(LARGEST_SEED)) and int(seed) <= LARGEST_SEED):
        raise RecipeError(f"{run!r}: a run is RECIPE:SEED, and SEED is a whole number up to {LARGEST_SEED}")
    return name, int(seed)


def _trainer(
    recipe: Recipe, frames: PackedFrames, seed: int, device: torch.device, folder: Path, compiled: bool
) -> Trainer:
    refuse_to_overwrite(folder)
    trainer = Trainer(recipe, frames, training_record(recipe, seed), seed, device, folder, compile_network=compiled)
    if (folder / STATE_FILE).exists():
        trainer.resume()
    trainer.save()  # if the folder is not writable, fail now and not in hours
    return trainer


def _train(trainers: dict[str, tuple[Trainer, int]], minutes: float | None, stop_requested: Event) -> None:
    began = reported = time.monotonic()
    deadline = began + 60 * minutes if minutes is not None else float("inf")
    first = {name: trainer.state.step for name, (trainer, _) in trainers.items()}

    def stopped() -> bool:
        return stop_requested.is_set() or time.monotonic() > deadline

    turns: dict[str, Iterator[Progress]] = {name: t.run(1000, stopped) for name, (t, _) in trainers.items()}
    last: dict[str, Progress] = {}
    faults: list[str] = []
    while turns:
        for name in list(turns):
            try:
                progress = next(turns[name], None)
            except TrainingError as fault:  # the other runs continue
                progress = None
                faults.append(f"{name}: {fault}")
                click.echo(faults[-1])
            if progress is None:
                del turns[name]
            else:
                last[name] = progress
        if not turns or time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            _report(last, first, {name: steps for name, (_, steps) in trainers.items()}, reported - began)
    if faults:
        raise TrainingError("; ".join(faults))


def _report(last: dict[str, Progress], first: dict[str, int], steps: dict[str, int], elapsed: float) -> None:
    done = sum(progress.step - first[name] for name, progress in last.items())
    click.echo(f"{elapsed:.0f} s, {done / elapsed:.1f} steps/s in total")
    for name, progress in last.items():
        click.echo(f"  {name}: step {progress.step}/{steps[name]} loss {progress.loss:.4f}")
