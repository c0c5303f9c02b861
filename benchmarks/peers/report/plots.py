"""Goodput and latency over the load, as two pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.figures.svg import save
from benchmarks.peers.loads import INPUTS
from benchmarks.peers.report.medians import Medians, names
from benchmarks.peers.runs import Results, Run

GOODPUT: Final = "peers-goodput.svg"
LATENCY: Final = "peers-latency.svg"
Figure = Callable[[Run], float | None]


def draw(results: Results, folder: Path) -> None:
    """Write both pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    rate = results.rates[INPUTS[0].name]
    goodput = {"within 500 ms": lambda run: run.within_500_ms, "within 2 s": lambda run: run.within_2_s}
    _draw(results, folder / GOODPUT, {f"answers a second {name}": figure for name, figure in goodput.items()}, rate)
    _draw(results, folder / LATENCY, {"p50, ms": lambda run: run.p50_ms, "p99, ms": lambda run: run.p99_ms}, None)


def _draw(results: Results, file: Path, figures: dict[str, Figure], rate: float | None) -> None:
    figure, columns = plt.subplots(1, len(figures), figsize=(9, 4), layout="constrained")
    for axes, (label, value) in zip(columns, figures.items(), strict=True):
        _draw_lines(axes, results, value)
        axes.set_ylabel(label)
        axes.set_xlabel("load, % of the rate of the bare loop")
        axes.grid(alpha=0.3)
        if rate is None:
            axes.set_yscale("log")
        else:
            axes.axhline(rate, color="gray", linestyle="--", label="bare loop")
    columns[0].legend(fontsize=7)
    save(figure, file)


def _draw_lines(axes: Axes, results: Results, value: Figure) -> None:
    shares = [load for load in INPUTS[0].loads if load.share]
    for place, name in enumerate(names(results)):
        found = Medians(results, name, INPUTS[0].name)
        values = [found.of(load.name, value) for load in shares]
        xs = [100 * load.share for load in shares]
        ys = [float("nan") if one is None else one for one in values]
        axes.plot(xs, ys, marker="o", markersize=3, linewidth=2.5 if place == 0 else 1, label=name)
