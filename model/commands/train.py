"""``rrcanet train``."""

import math
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import click
import torch
from tqdm import tqdm

from model.data.dataset import DataError
from model.data.packed import pack
from model.monitoring.held_out import held_out_frames
from model.monitoring.log import LogError
from model.monitoring.monitor import Monitor, Watch
from model.recipe import Recipe, RecipeError, load_recipe
from model.training.allocator import keep_freed_memory
from model.training.selection import read_frames, training_record
from model.training.state import ResumeError
from model.training.trainer import STATE_FILE, Progress, Trainer, TrainingError, refuse_to_overwrite

LARGEST_SEED = 2**31 - 1
SCORE_HELP = "Steps between two scores on the held-out frames of the recipe; 0 for none."
EPILOG = "Example: rrcanet train nuaa-sirst --data datasets --out runs/nuaa"

score_every_option = click.option(
    "--score-every", type=click.IntRange(0), default=0, show_default=True, help=SCORE_HELP
)
tensorboard_option = click.option(
    "--tensorboard", is_flag=True, help="Also write the log as TensorBoard events into the folder of the run."
)


@click.command("train", epilog=EPILOG)
@click.argument("recipe", metavar="RECIPE")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the datasets.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for checkpoints.")
@click.option("--resume", is_flag=True, help="Resume from the state in --out.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads of this run.  [default: all]")
@click.option("--compile", "compiled", is_flag=True, help="Fuse the network's operations, for GPUs; takes a minute.")
@click.option(
    "--checkpoint-every", type=click.IntRange(1), default=250, show_default=True, help="Steps between checkpoints."
)
@score_every_option
@tensorboard_option
def train_command(
    recipe: str,
    data: Path,
    out: Path,
    resume: bool,
    seed: int,
    device: str,
    threads: int | None,
    compiled: bool,
    checkpoint_every: int,
    score_every: int,
    tensorboard: bool,
) -> None:
    """Train a model by RECIPE, the name of a shipped recipe or a TOML file.

    Ctrl-C or SIGTERM saves a checkpoint and stops the run. --resume continues it. On a CPU the result equals that of a
    run without interruption.

    log.csv in --out has the loss every 50 steps, and curve.png shows it. With --score-every they also have the scores
    of the averaged weights on the frames that the recipe holds out (held_out), and best.safetensors keeps the weights
    with the highest held-out IoU.
    """
    try:
        plan = load_recipe(recipe)
        samples = held_out_frames(plan, data) if score_every else []
        trainer, total = _prepare(plan, data, out, resume, seed, choose_device(device), threads, compiled)
        monitor = Monitor(trainer, out, total, Watch(score_every, samples, tensorboard, tqdm.write))
        _train(trainer, monitor, total, checkpoint_every)
    except (DataError, LogError, RecipeError, ResumeError, TrainingError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _prepare(
    recipe: Recipe,
    data: Path,
    out: Path,
    resume: bool,
    seed: int,
    device: torch.device,
    threads: int | None,
    compiled: bool,
) -> tuple[Trainer, int]:
    if threads:
        torch.set_num_threads(threads)
    keep_freed_memory()
    if not resume and (out / STATE_FILE).exists():
        raise ResumeError(f"{out / STATE_FILE} exists: add --resume to continue that run, or use another --out")
    refuse_to_overwrite(out)
    if resume and not (out / STATE_FILE).exists():
        raise ResumeError(f"nothing to resume: there is no {out / STATE_FILE}")
    frames = pack(read_frames(recipe, data))
    trainer = Trainer(recipe, frames, training_record(recipe, seed), seed, device, out, compile_network=compiled)
    if resume:
        trainer.resume()
    trainer.save()  # if the folder is not writable, fail now and not in hours
    return trainer, recipe.optimisation.steps


def _train(trainer: Trainer, monitor: Monitor, total: int, checkpoint_every: int) -> None:
    report = _bar if sys.stderr.isatty() else _lines
    with stop_signals() as stopped:
        report(monitor.watch(trainer.run(checkpoint_every, stopped.is_set)), trainer.state.step, total)
    done = trainer.state.step
    click.echo(f"{'stopped' if done < total else 'done'} after {done} of {total} steps")


@contextmanager
def stop_signals() -> Iterator[Event]:
    """SIGINT and SIGTERM set an event that the loop reads between two steps."""
    stopped = Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in numbers]
    try:
        yield stopped
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _bar(steps: Iterable[Progress], first: int, total: int) -> None:
    with tqdm(total=total, initial=first, unit="step", desc="training") as bar:
        for progress in steps:
            bar.set_postfix(loss=f"{progress.loss:.4f}", lr=f"{progress.learning_rate:.2e}", refresh=False)
            bar.update()


def _lines(steps: Iterable[Progress], _first: int, total: int, every: int = 50) -> None:
    began, mean, read = time.monotonic(), 0.0, 0
    for count, progress in enumerate(steps, 1):
        if math.isfinite(progress.loss):  # NaN until the first loss is read from a GPU
            read += 1
            mean += (progress.loss - mean) / min(read, every)
        if progress.step % every == 0 or progress.step == total:
            seconds = (time.monotonic() - began) / count
            click.echo(
                f"step {progress.step}/{total} loss {mean:.4f} lr {progress.learning_rate:.2e} "
                f"{seconds:.3f} s/step, {seconds * (total - progress.step) / 60:.0f} min left"
            )


def choose_device(name: str) -> torch.device:
    """The device of an option's value. ``auto`` is CUDA if it is available. The choice is printed."""
    if name == "cuda" and not torch.cuda.is_available():
        raise click.ClickException("--device cuda: this PyTorch finds no CUDA device")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    click.echo(f"training on {name}")
    return torch.device(name)
