"""Steps per second of training: a plain loop with a data loader against ours, and the floor that memory sets.

python benchmarks/train_throughput.py --data datasets --device cuda --json benchmarks/results/train-h100.json
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from export.bench.report import describe_machine
from intensity import auto_range, to_intensity
from model.checkpoint import TrainingRecord, build_network
from model.data import FrameFolder
from model.losses import dptk_loss
from model.packed import pack
from model.recipe import load_recipe
from model.train import Trainer

BATCH, CROP = 8, 128


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


def ours(folder: FrameFolder, device: torch.device, compiled: bool, seed: int = 0) -> Iterator[None]:
    """A step at every turn."""
    recipe = load_recipe("nuaa-sirst")
    plan = recipe.optimisation.model_copy(update={"batch": BATCH, "crop": CROP, "steps": 1_000_000})
    recipe = recipe.model_copy(update={"optimisation": plan})
    frames = pack(folder.load(name) for name in folder.names)
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
    """Bytes that a step must move, each activation written and read once forward and once backward, and bandwidth."""
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


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cpu", show_default=True)
@click.option("--steps", default=0, help="Steps of a stretch; by default 200 on CUDA, 5 on the CPU.")
@click.option("--workers", default=4, show_default=True, help="Of the plain loop's data loader.")
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(data: Path, device: str, steps: int, workers: int, json_file: Path | None) -> None:
    """Print the table."""
    where, folder = torch.device(device), FrameFolder(data / "NUAA-SIRST", "train")
    steps, warm_up = steps or (200 if device == "cuda" else 5), 20 if device == "cuda" else 2
    rows = {"plain loop with a data loader": rate(plain_loop(folder, where, workers), where, warm_up, steps)}
    rows["ours"] = rate(ours(folder, where, compiled=False), where, warm_up, steps)
    if device == "cuda":
        rows["ours, compiled"] = rate(ours(folder, where, compiled=True), where, warm_up, steps)
        for count in (4, 8, 16):
            turns = side_by_side(lambda seed: ours(folder, where, True, seed), count)
            rows[f"ours, compiled, {count} runs side by side"] = count * rate(turns, where, warm_up, steps)
    lowest = floor(where)
    name = (
        torch.cuda.get_device_name() if device == "cuda" else f"{describe_machine()}, {torch.get_num_threads()} threads"
    )
    click.echo(f"{name}, PyTorch {torch.__version__}, batch {BATCH} of {CROP}x{CROP}\n")
    click.echo("| how | steps/s | against the plain loop | of the memory floor |\n| --- | --- | --- | --- |")
    for how, value in rows.items():
        plain = rows["plain loop with a data loader"]
        click.echo(f"| {how} | {value:.2f} | {value / plain:.2f}x | {100 * value / lowest['steps_per_s']:.0f} % |")
    click.echo(f"\nfloor: {lowest['bytes_per_step'] / 1e6:.0f} MB a step at {lowest['bandwidth'] / 1e9:.0f} GB/s")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps({"device": name, "steps_per_s": rows, "floor": lowest}, indent=1) + "\n")


if __name__ == "__main__":
    main()
