"""Pods, refusals and p99 over time, as one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.figures.svg import save
from benchmarks.scaling.simulation import Step
from benchmarks.scaling.summary import Bin


def draw(file: Path, runs: Mapping[str, Sequence[Bin]], steps: Sequence[Step], capacity: float) -> None:
    """Write an SVG.

    Args:
        capacity: requests a second of one pod; the load is drawn as the pods that it keeps busy.
    """
    figure, rows = plt.subplots(3, 1, sharex=True, figsize=(8, 6.5), layout="constrained")
    _draw_load(rows[0], steps, capacity)
    for name, run in runs.items():
        minutes = [one.begin / 60 for one in run]
        rows[0].step(minutes, [one.pods for one in run], where="post", label=name)
        rows[1].step(minutes, [100 * one.refused for one in run], where="post", label=name)
        rows[2].step(minutes, [one.p99_ms or float("nan") for one in run], where="post", label=name)
    for row, label in zip(rows, ("pods", "refused, %", "p99, ms"), strict=True):
        row.set_ylabel(label)
        row.grid(alpha=0.3)
    rows[2].set_yscale("log")
    rows[2].set_xlabel("minutes")
    rows[0].legend(fontsize=8)
    save(figure, file)


def _draw_load(axes: Axes, steps: Sequence[Step], capacity: float) -> None:
    begins = [sum(step.seconds for step in steps[:number]) / 60 for number in range(len(steps) + 1)]
    loads = [step.rate / capacity for step in steps]
    axes.fill_between(begins, [*loads, loads[-1]], step="post", alpha=0.2, color="gray", label="load, in busy pods")
