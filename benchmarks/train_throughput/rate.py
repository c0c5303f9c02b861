"""Steps per second of an iterator."""

import statistics
import time
from collections.abc import Iterator

import torch


def rate(steps: Iterator[None], device: torch.device, warm_up: int, measured: int, repeats: int = 3) -> float:
    """Steps per second: the median of ``repeats`` stretches.

    Args:
        steps: does one step for each item.
        warm_up: steps before the first stretch, which are not timed.
        measured: steps of a stretch.
    """
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


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
