"""Ways to train that are measured against each other."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import torch

from benchmarks.train_throughput.plain_loop import BATCH, CROP, plain_loop
from benchmarks.train_throughput.rate import rate
from model.data.dataset import FrameFolder
from model.data.packed import PackedFrames, pack
from model.network.checkpoint import TrainingRecord
from model.recipe import TrainingPrecision, load_recipe
from model.training.allocator import keep_freed_memory
from model.training.trainer import Trainer

SIDE_BY_SIDE: Final = (4, 8, 16)  # runs, each compiled: minutes on the first call
STEPS: Final = {"cuda": 200, "cpu": 5}  # of a stretch, by device
WARM_UP: Final = {"cuda": 20, "cpu": 2}  # steps that are not timed, at most as many as a stretch has
PLAIN: Final = "plain loop with a data loader"
TRAINER: Final = "rrcanet train"
BFLOAT16: Final = "bfloat16"


def ways(folder: FrameFolder, device: torch.device, workers: int, measured: int) -> dict[str, Callable[[], float]]:
    """By name, what measures steps per second.

    Args:
        folder: frames to train on, held in the device's memory; the plain loop reads them from the folder each time.
        workers: processes of the plain loop's data loader.
        measured: steps of a stretch.

    Raises:
        DataError: a frame cannot be read.
    """
    warm_up = min(WARM_UP[device.type], measured)
    frames = pack(folder.load(name) for name in folder.names).to(device)

    def timed(steps: Iterator[None]) -> float:
        return rate(steps, device, warm_up, measured)

    def beside(count: int) -> float:
        return count * timed(side_by_side(lambda seed: trainer_steps(frames, device, True, seed), count))

    found: dict[str, Callable[[], float]] = {
        PLAIN: lambda: timed(plain_loop(folder, device, workers)),
        TRAINER: lambda: timed(trainer_steps(frames, device)),
        f"{TRAINER}, {BFLOAT16}": lambda: timed(trainer_steps(frames, device, precision=TrainingPrecision.BF16)),
    }
    cores = torch.get_num_threads()
    if device.type == "cpu" and cores > 1:
        name = f"{TRAINER}, {BFLOAT16}, {cores} runs, a thread each"
        found[name] = lambda: a_run_a_core(frames, cores, warm_up, measured)
    if device.type == "cuda":
        found[f"{TRAINER}, compiled"] = lambda: timed(trainer_steps(frames, device, compiled=True))
        for count in SIDE_BY_SIDE:
            found[f"{TRAINER}, compiled, {count} runs side by side"] = partial(beside, count)
    return found


def trainer_steps(
    frames: PackedFrames,
    device: torch.device,
    compiled: bool = False,
    seed: int = 0,
    precision: TrainingPrecision = TrainingPrecision.FP32,
) -> Iterator[None]:
    """A training step for each item, by this project's trainer."""
    keep_freed_memory()
    recipe = load_recipe("nuaa-sirst")
    budget = {"batch": BATCH, "crop": CROP, "steps": 1_000_000, "precision": precision}
    plan = recipe.optimisation.model_copy(update=budget)
    recipe = recipe.model_copy(update={"optimisation": plan})
    trainer = Trainer(recipe, frames, TrainingRecord(), seed, device, Path("nowhere"), compile_network=compiled)
    for _ in trainer.run(10**9):
        yield


def side_by_side(start: Callable[[int], Iterator[None]], count: int) -> Iterator[None]:
    """A step of every run for each item."""
    runs = [start(seed) for seed in range(count)]
    while True:
        for run in runs:
            next(run)
        yield


def one_core(frames: PackedFrames, warm_up: int, measured: int) -> float:
    """Steps per second of a run with one thread, in bfloat16."""
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    return rate(trainer_steps(frames, cpu, precision=TrainingPrecision.BF16), cpu, warm_up, measured)


def a_run_a_core(frames: PackedFrames, count: int, warm_up: int, measured: int) -> float:
    """Steps per second of ``count`` processes together, each with one thread."""
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        return sum(pool.map(one_core, *zip(*[(frames, warm_up, measured)] * count, strict=True)))
