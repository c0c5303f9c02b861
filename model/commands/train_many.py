"""``rrcanet train-many``: several runs at the same time on one device.

One run of this network leaves a GPU nearly idle. The runs take turns to start a step, each on its own CUDA stream, so
that their kernels overlap.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

import click
import torch

from model.commands.train import LARGEST_SEED, choose_device, score_every_option, stop_signals, tensorboard_option
from model.data.dataset import DataError, Sample
from model.data.packed import PackedFrames, pack
from model.monitoring.held_out import held_out_frames
from model.monitoring.log import LogError
from model.monitoring.monitor import Monitor, Watch
from model.recipe import Recipe, RecipeError, load_recipe
from model.training.allocator import keep_freed_memory
from model.training.selection import read_frames, training_record
from model.training.state import ResumeError
from model.training.trainer import STATE_FILE, Progress, Trainer, TrainingError, refuse_to_overwrite

EPILOG = "Example: rrcanet train-many generalist:0 densesirst-best:0 densesirst-best:1 --data datasets --out runs"
REPORT_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs: its trainer, what watches it, and its number of steps."""

    trainer: Trainer
    monitor: Monitor
    steps: int


@click.command("train-many", epilog=EPILOG)
@click.argument("runs", nargs=-1, required=True, metavar="RECIPE:SEED...")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the datasets.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for a folder RECIPE-SEED per run.")
@click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop after this time; the next call resumes.")
@click.option("--compile", "compiled", is_flag=True, help="Fuse the network's operations; takes a minute per run.")
@score_every_option
@tensorboard_option
def train_many_command(
    runs: tuple[str, ...],
    data: Path,
    out: Path,
    device: str,
    minutes: float | None,
    compiled: bool,
    score_every: int,
    tensorboard: bool,
) -> None:
    """Train every RECIPE:SEED at the same time. A run that has a state in --out resumes from it.

    Each folder gets the same files as that of rrcanet train: the log, the curve, and with --score-every the best
    weights.

    After SIGTERM or SIGINT every run writes its state and stops. Exit code 1: at least one run failed; the other runs
    were not affected.
    """
    keep_freed_memory()
    try:
        with stop_signals() as stop_requested:
            prepared = _prepare(runs, data, out, choose_device(device), compiled, score_every, tensorboard)
            _train(prepared, minutes, stop_requested)
    except (DataError, LogError, RecipeError, ResumeError, TrainingError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _prepare(
    names: tuple[str, ...],
    data: Path,
    out: Path,
    device: torch.device,
    compiled: bool,
    score_every: int,
    tensorboard: bool,
) -> dict[str, Run]:
    """The runs by folder. Runs with the same data share one packed copy of the frames, and the held-out frames."""
    shared: dict[tuple[object, ...], tuple[PackedFrames, list[Sample]]] = {}
    runs: dict[str, Run] = {}
    for one in names:
        name, seed = _name_and_seed(one)
        recipe = load_recipe(name)
        key = (recipe.datasets, recipe.split, recipe.exclude, recipe.held_out)
        if key not in shared:
            samples = held_out_frames(recipe, data) if score_every else []
            shared[key] = pack(read_frames(recipe, data)).to(device), samples
        frames, samples = shared[key]
        folder = out / f"{recipe.name}-{seed}"
        if folder.name in runs:
            raise RecipeError(f"{one}: another run writes to {folder} already")
        trainer, steps = _trainer(recipe, frames, seed, device, folder, compiled), recipe.optimisation.steps
        watch = Watch(score_every, samples, tensorboard, partial(_tell, folder.name))
        runs[folder.name] = Run(trainer, Monitor(trainer, folder, steps, watch), steps)
    return runs


def _tell(run: str, line: str) -> None:
    click.echo(f"{run}: {line}")


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


def _train(runs: dict[str, Run], minutes: float | None, stop_requested: Event) -> None:
    began = reported = time.monotonic()
    deadline = began + 60 * minutes if minutes is not None else float("inf")
    first = {name: run.trainer.state.step for name, run in runs.items()}

    def stopped() -> bool:
        return stop_requested.is_set() or time.monotonic() > deadline

    turns: dict[str, Iterator[Progress]] = {
        name: run.monitor.watch(run.trainer.run(1000, stopped)) for name, run in runs.items()
    }
    last: dict[str, Progress] = {}
    faults: list[str] = []
    while turns:
        for name in list(turns):
            try:
                progress = next(turns[name], None)
            except (LogError, TrainingError) as fault:  # the other runs continue
                progress = None
                faults.append(f"{name}: {fault}")
                click.echo(faults[-1])
            if progress is None:
                del turns[name]
            else:
                last[name] = progress
        if not turns or time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            _report(last, first, {name: run.steps for name, run in runs.items()}, reported - began)
    if faults:
        raise TrainingError("; ".join(faults))


def _report(last: dict[str, Progress], first: dict[str, int], steps: dict[str, int], elapsed: float) -> None:
    done = sum(progress.step - first[name] for name, progress in last.items())
    click.echo(f"{elapsed:.0f} s, {done / elapsed:.1f} steps/s in total")
    for name, progress in last.items():
        click.echo(f"  {name}: step {progress.step}/{steps[name]} loss {progress.loss:.4f}")
