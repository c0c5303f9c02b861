"""How many training steps per second the bandwidth of the device's memory allows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from benchmarks.train_throughput.plain_loop import BATCH, CROP
from benchmarks.train_throughput.rate import rate
from model.network.checkpoint import build_network
from model.recipe import load_recipe

ACCESSES: Final = 4.0  # of each activation: written and read once forward, and once backward
COPIED: Final = {"cuda": 2**28, "cpu": 2**25}  # float32 values: much more than any cache holds


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Bytes that a float32 step must move, bytes per second that the device copies, and their ratio."""

    bytes_per_step: float
    bandwidth: float

    @property
    def steps_per_s(self) -> float:
        return self.bandwidth / self.bytes_per_step


def measure_memory_limit(device: torch.device) -> MemoryLimit:
    """Count the activations of a step, and time copies on the device."""
    return MemoryLimit(ACCESSES * _activation_bytes(), _bandwidth(device))


def _activation_bytes() -> int:
    """Outputs of all convolutions: batch norm and activation can run together with the operation that reads them."""
    moved = 0

    def count(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal moved
        moved += output.numel() * output.element_size()

    network = build_network(load_recipe("nuaa-sirst").network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(BATCH, 1, CROP, CROP))
    return moved


def _bandwidth(device: torch.device) -> float:
    source = torch.ones(COPIED[device.type], device=device)
    target = torch.empty_like(source)

    def copies() -> Iterator[None]:
        while True:
            target.copy_(source)
            yield

    return rate(copies(), device, 3, 10) * 2 * source.numel() * source.element_size()
