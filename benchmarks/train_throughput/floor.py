"""What memory alone allows."""

from collections.abc import Iterator

import torch
from torch import nn

from benchmarks.train_throughput.plain_loop import BATCH, CROP
from benchmarks.train_throughput.rate import rate
from model.network.checkpoint import build_network
from model.recipe import load_recipe


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
