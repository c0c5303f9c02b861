"""Steps per second of training: a plain loop with a data loader against ours, and the floor that memory sets.

python -m benchmarks.train_throughput --data datasets --device cuda --json benchmarks/results/train-h100.json

Every row is printed and kept as soon as it is measured; rows that the file holds already are not measured again, and
figures of another card stay: this one's go beside them. A row that failed is tried once more by the next run, which
exit code 75 asks for.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.by_card import file_of
from benchmarks.gpu.alive import is_alive
from benchmarks.gpu.supervised import AGAIN
from export.bench.report import describe_machine, processor
from intensity import auto_range, to_intensity
from model.allocator import keep_freed_memory
from model.checkpoint import TrainingRecord, build_network
from model.commit import commit
from model.data import FrameFolder
from model.files import write_atomically
from model.losses import dptk_loss
from model.packed import PackedFrames, pack
from model.recipe import Precision, load_recipe
from model.train import Trainer

BATCH, CROP = 8, 128
SIDE_BY_SIDE = (4, 8, 16)  # runs, each compiled: minutes on the first call
TRIES = 2  # of a row: what fails, hangs or takes too long must not use up every call
PLAIN, BFLOAT16 = "plain loop with a data loader", "bfloat16"
HALF_THE_BYTES = 2  # twice as many steps a second


class Crops(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """What research code does: read a file, augment on the CPU, one crop at a time."""

    def __init__(self, folder: FrameFolder) -> None:
        self._folder = folder

    def __len__(self) -> int:
        return 100_000

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng(index)
        sample = self._folder.load(self._folder.names[rng.integers(len(self._folder))])
        image, mask = to_intensity(sample.counts, auto_range(sample.counts)), sample.mask.astype(np.float32)
        margins = tuple((0, max(0, CROP - side)) for side in image.shape)
        image, mask = np.pad(image, margins), np.pad(mask, margins)
        y, x = (int(rng.integers(0, side - CROP + 1)) for side in image.shape)
        crop, truth = image[y : y + CROP, x : x + CROP], mask[y : y + CROP, x : x + CROP]
        if rng.random() < 0.5:
            crop, truth = crop[:, ::-1], truth[:, ::-1]
        return torch.from_numpy((crop[None] - 90) / 60).float(), torch.from_numpy(truth[None].copy())


def plain_loop(folder: FrameFolder, device: torch.device, workers: int) -> Iterator[None]:
    """A step at every turn."""
    torch.manual_seed(0)
    network = build_network(load_recipe("nuaa-sirst").network).to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for images, masks in DataLoader(Crops(folder), BATCH, num_workers=workers, pin_memory=device.type == "cuda"):
        loss = dptk_loss(network(images.to(device, non_blocking=True)), masks.to(device, non_blocking=True))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        loss.item()
        yield


def ours(
    frames: PackedFrames,
    device: torch.device,
    compiled: bool = False,
    seed: int = 0,
    precision: Precision = Precision.FP32,
) -> Iterator[None]:
    """A step at every turn."""
    keep_freed_memory()
    recipe = load_recipe("nuaa-sirst")
    budget = {"batch": BATCH, "crop": CROP, "steps": 1_000_000, "precision": precision}
    plan = recipe.optimisation.model_copy(update=budget)
    recipe = recipe.model_copy(update={"optimisation": plan})
    trainer = Trainer(recipe, frames, TrainingRecord(), seed, device, Path("nowhere"), compile_network=compiled)
    for _ in trainer.run(10**9):
        yield


def side_by_side(start: Callable[[int], Iterator[None]], count: int) -> Iterator[None]:
    """A step of every run at every turn."""
    runs = [start(seed) for seed in range(count)]
    while True:
        for run in runs:
            next(run)
        yield


def one_core(frames: PackedFrames, warm_up: int, measured: int) -> float:
    """Steps per second of a run that has one thread."""
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    return rate(ours(frames, cpu, precision=Precision.BF16), cpu, warm_up, measured)


def a_run_a_core(frames: PackedFrames, count: int, warm_up: int, measured: int) -> float:
    """Steps per second of so many processes together."""
    with ProcessPoolExecutor(count, get_context("spawn")) as pool:
        return sum(pool.map(one_core, *zip(*[(frames, warm_up, measured)] * count, strict=True)))


def rate(steps: Iterator[None], device: torch.device, warm_up: int, measured: int, repeats: int = 3) -> float:
    """Turns per second, median of a few stretches."""
    for _ in range(warm_up):
        next(steps)
    rates = []
    for _ in range(repeats):
        _wait(device)
        began = time.perf_counter()
        for _ in range(measured):
            next(steps)
        _wait(device)
        rates.append(measured / (time.perf_counter() - began))
    return statistics.median(rates)


def floor(device: torch.device) -> dict[str, float]:
    """What bounds a step in float32: each activation is written and read once forward and once backward."""
    moved = 0

    def count(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal moved
        moved += output.numel() * output.element_size()

    network = build_network(load_recipe("nuaa-sirst").network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):  # batch norm and activation can be fused with what reads them
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(BATCH, 1, CROP, CROP))
    size = 2**28 if device.type == "cuda" else 2**25
    source = torch.ones(size, device=device)
    target = torch.empty_like(source)

    def copies() -> Iterator[None]:
        while True:
            target.copy_(source)
            yield

    bandwidth = rate(copies(), device, 3, 10) * 2 * source.numel() * source.element_size()
    return {"bytes_per_step": 4.0 * moved, "bandwidth": bandwidth, "steps_per_s": bandwidth / (4.0 * moved)}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def ways(
    folder: FrameFolder, device: torch.device, workers: int, warm_up: int, measured: int
) -> dict[str, Callable[[], float]]:
    """By name, what measures steps per second."""
    frames = pack(folder.load(name) for name in folder.names).to(device)

    def timed(steps: Iterator[None]) -> float:
        return rate(steps, device, warm_up, measured)

    def beside(count: int) -> float:
        return count * timed(side_by_side(lambda seed: ours(frames, device, True, seed), count))

    found: dict[str, Callable[[], float]] = {
        PLAIN: lambda: timed(plain_loop(folder, device, workers)),
        "ours": lambda: timed(ours(frames, device)),
        f"ours, {BFLOAT16}": lambda: timed(ours(frames, device, precision=Precision.BF16)),
    }
    cores = torch.get_num_threads()
    if device.type == "cpu" and cores > 1:
        name = f"ours, {BFLOAT16}, {cores} runs, a thread each"
        found[name] = lambda: a_run_a_core(frames, cores, warm_up, measured)
    if device.type == "cuda":
        found["ours, compiled"] = lambda: timed(ours(frames, device, compiled=True))
        for count in SIDE_BY_SIDE:
            found[f"ours, compiled, {count} runs side by side"] = partial(beside, count)
    return found


class Rows:
    """What ``file`` holds, if it was measured ``on`` the same device with the same versions; else nothing yet.

    What failed under another commit was not tried yet: the code may have been mended since.
    """

    def __init__(self, file: Path | None, on: str, **about: Any) -> None:
        self._file, self._about = file, {"on": on, "commit": commit()} | about
        before = json.loads(file.read_text()) if file is not None and file.exists() else {}
        same = before.get("on") == on
        self._figures: dict[str, float] = before["steps_per_s"] if same else {}
        same_code = before.get("commit") == self._about["commit"]
        self._tries: dict[str, int] = before["tries"] if same and same_code else {}
        if before and not same:
            click.echo(f"{file} was measured on {before.get('on', 'something else')}: all is measured again")

    def measure(self, name: str, work: Callable[[], float]) -> float | None:
        """The figure of this name: kept, or measured now by ``work``; None if it cannot be measured."""
        if name in self._figures:
            return self._figures[name]
        if self._tries.get(name, 0) < TRIES:
            self._tries[name] = self._tries.get(name, 0) + 1
            self._keep()  # before: a try that ends with the process counts too
            try:
                self._figures[name] = work()
            except Exception as error:  # every library has its own
                click.echo(f"{name}: {type(error).__name__}: {error}".splitlines()[0][:200], err=True)
            self._keep()
        return self._figures.get(name)

    def missing(self, names: Iterable[str]) -> bool:
        """Whether another run has something to try."""
        return any(name not in self._figures and self._tries.get(name, 0) < TRIES for name in names)

    def _keep(self) -> None:
        if self._file is not None:
            found = self._about | {"steps_per_s": self._figures, "tries": self._tries}
            write_atomically(self._file, (json.dumps(found, indent=1) + "\n").encode())


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cpu", show_default=True)
@click.option("--steps", default=0, help="Steps of a stretch; by default 200 on CUDA, 5 on the CPU.")
@click.option("--workers", default=2, show_default=True, help="Of the plain loop's data loader.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(data: Path, device: str, steps: int, workers: int, json_file: Path | None) -> None:
    """Print the table."""
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


if __name__ == "__main__":
    main()
