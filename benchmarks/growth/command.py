"""CPU time, time and memory over the area of a frame, its targets, frames, models and connections.

python -m benchmarks.growth --json benchmarks/results/growth.json --page docs/development/growth.md
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from benchmarks.figures.page import write_figures
from benchmarks.growth.axes import AXES
from benchmarks.growth.measure import Cost, measure
from benchmarks.growth.report import draw, exponents, render
from benchmarks.growth.results import Growth, read_growths
from benchmarks.serving.report import json_option, keep
from benchmarks.serving.servers.cores import pinned, share_out

NAME: Final = "python -m benchmarks.growth"


@click.command(epilog=f"Example: {NAME} --rounds 1 --only targets --json /tmp/growth.json")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Figures are their medians.")
@click.option("--seconds", default=2.0, show_default=True, help="Of each step.")
@click.option("--only", multiple=True, type=click.Choice([axis.name for axis in AXES]), help="Axis; all by default.")
@click.option("--steps", type=click.IntRange(1), help="Only the first so many steps of each axis.")
@json_option
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures into this page.")
@click.option(
    "--pictures", type=click.Path(file_okay=False, path_type=Path), default=Path("docs/images"), show_default=True
)
def main(
    rounds: int,
    seconds: float,
    only: tuple[str, ...],
    steps: int | None,
    json_file: Path | None,
    page: Path | None,
    pictures: Path,
) -> None:
    """Measure every axis in each round, on a server with one core, and print how the costs grow."""
    if page is not None and (json_file is None or only or steps is not None):
        raise click.UsageError("--page needs --json, and every axis with all its steps")
    chosen = [replace(axis, steps=axis.steps[:steps]) for axis in AXES if not only or axis.name in only]
    found: dict[str, list[list[Cost]]] = {axis.name: [] for axis in chosen}
    server_cores, own_cores = share_out()
    with pinned(own_cores):
        for _ in range(rounds):
            for axis in chosen:
                found[axis.name].append(measure(axis, axis.steps, server_cores, seconds))
                click.echo(f"{axis.name}: {found[axis.name][-1]}", err=True)
    growths = {axis.name: Growth(axis.steps, found[axis.name]) for axis in chosen}
    click.echo(exponents(growths).markdown())
    options = {"rounds": rounds, "seconds": seconds}
    keep(json_file, options, {"axes": {name: growth.as_json() for name, growth in growths.items()}})
    if page is not None and json_file is not None:
        report(json_file, page, pictures)


def report(json_file: Path, page: Path, pictures: Path) -> None:
    """Write the page and its pictures, from the file of the figures."""
    about, growths = read_growths(json_file)
    pictures.mkdir(parents=True, exist_ok=True)
    for axis in AXES:
        if axis.name in growths:
            draw(axis, growths[axis.name], pictures)
    write_figures(page, NAME, render(about, growths, os.path.relpath(pictures, page.parent)))
