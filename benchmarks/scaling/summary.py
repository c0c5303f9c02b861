"""Seconds of a simulation as figures: in bins over time, and for each step of the load."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np

from benchmarks.scaling.simulation import Second, Step

BIN_S = 30


@dataclass(frozen=True, slots=True)
class Bin:
    """Figures of some seconds from ``begin`` on; ``p99_ms`` is None without an answer.

    Attributes:
        pods: that took requests at the end.
        mean_pods: that were asked for, on average; what the rule costs.
        refused: share of the requests.
    """

    begin: float
    pods: int
    mean_pods: float
    answered: int
    refused: float
    p99_ms: float | None


def bins(seconds: Sequence[Second], width: int = BIN_S) -> list[Bin]:
    """Figures of every ``width`` seconds."""
    return [_bin(begin, seconds[begin : begin + width]) for begin in range(0, len(seconds), width)]


def medians(runs: Sequence[Sequence[Bin]]) -> list[Bin]:
    """The median of every figure over runs with the same steps."""
    return [_median(alike) for alike in zip(*runs, strict=True)]


def by_step(seconds: Sequence[Second], steps: Sequence[Step]) -> list[Bin]:
    """Figures of every step of the load."""
    edges = np.cumsum([0, *(int(step.seconds) for step in steps)])
    return [_bin(int(begin), seconds[begin:end]) for begin, end in pairwise(edges)]


def _median(alike: Sequence[Bin]) -> Bin:
    latencies = [one.p99_ms for one in alike if one.p99_ms is not None]
    return Bin(
        alike[0].begin,
        int(median(one.pods for one in alike)),
        median(one.mean_pods for one in alike),
        int(median(one.answered for one in alike)),
        median(one.refused for one in alike),
        median(latencies) if latencies else None,
    )


def _bin(begin: int, seconds: Sequence[Second]) -> Bin:
    latencies = [latency for second in seconds for latency in second.latencies]
    refused = sum(second.refused for second in seconds)
    p99_ms = 1e3 * float(np.quantile(latencies, 0.99)) if latencies else None
    mean_pods = sum(second.desired for second in seconds) / len(seconds)
    asked = max(1, refused + len(latencies))
    return Bin(begin, seconds[-1].ready, mean_pods, len(latencies), refused / asked, p99_ms)
