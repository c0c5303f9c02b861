"""Costs as tables and pictures."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib.pyplot as plt

from benchmarks.figures.svg import save
from benchmarks.growth.axes import AXES, Axis
from benchmarks.growth.results import FIGURES, Growth
from benchmarks.growth.slope import last_slope, slope
from benchmarks.serving.machine import in_words
from export.report.table import Table

FEWEST: Final = 2  # steps that a slope needs


def render(about: Mapping[str, Any], growths: Mapping[str, Growth], pictures: str) -> str:
    """The figures in Markdown; ``pictures`` is the folder of the pictures, as the page sees it."""
    return "\n\n".join(_blocks(about, growths, pictures))


def exponents(growths: Mapping[str, Growth]) -> Table:
    """For each axis and cost the slope over all steps, and over the last ones."""
    rows = tuple((name, *(_slopes(growth, figure) for figure in FIGURES)) for name, growth in growths.items())
    return Table(("axis", *FIGURES), rows)


def costs(axis: Axis, growth: Growth) -> Table:
    """The costs of every step."""
    columns = [growth.of(figure) for figure in FIGURES.values()]
    rows = tuple((f"{step:,}", *map(_number, found)) for step, *found in zip(growth.steps, *columns, strict=True))
    return Table((axis.unit, *FIGURES), rows)


def draw(axis: Axis, growth: Growth, folder: Path) -> None:
    """Write the picture of an axis: each cost over the steps, with a line of slope 1 through the last step."""
    figure, columns = plt.subplots(1, len(FIGURES), figsize=(9, 3.2), layout="constrained")
    for axes, (label, value) in zip(columns, FIGURES.items(), strict=True):
        found = growth.of(value)
        axes.plot(growth.steps, found, marker="o", markersize=3, label=f"measured: {_slopes(growth, label)}")
        linear = [found[-1] * step / growth.steps[-1] for step in growth.steps]
        axes.plot(growth.steps, linear, color="gray", linestyle="--", label="slope 1")
        axes.set(xscale="log", yscale="log", xlabel=axis.unit, ylabel=label, ylim=(min(found) / 2, max(found) * 2))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    save(figure, folder / axis.picture)


def _blocks(about: Mapping[str, Any], growths: Mapping[str, Growth], pictures: str) -> Iterator[str]:
    machine, options = about["machine"], about["options"]
    yield (
        f"{in_words(machine)}, load {machine['load_average'][0]:g} at the end. Rounds: {options['rounds']}. Seconds of "
        f"a step: {options['seconds']:g}."
    )
    yield exponents(growths).markdown()
    for axis in AXES:
        if axis.name in growths:
            yield f"### {axis.name.capitalize()}"
            yield costs(axis, growths[axis.name]).markdown()
            yield f"![CPU, time and memory over the number of {axis.unit}]({pictures}/{axis.picture})"


def _slopes(growth: Growth, figure: str) -> str:
    if len(growth.steps) < FEWEST:
        return "-"
    found = growth.of(FIGURES[figure])
    return f"{slope(growth.steps, found):.2f}, at the end {last_slope(growth.steps, found):.2f}"


def _number(value: float) -> str:
    """Three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
