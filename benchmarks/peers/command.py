"""The service beside other servers that run the same model file, on one core.

python -m benchmarks.peers --rounds 3 --json benchmarks/results/peers.json --page docs/development/peers.md
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.figures.page import write_figures
from benchmarks.peers.bench import Bench
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.loads import INPUTS
from benchmarks.peers.measure import Times
from benchmarks.peers.report.page import COMMAND, render
from benchmarks.peers.report.plots import draw
from benchmarks.peers.report.tables import summary
from benchmarks.peers.runs import Results, load_results
from benchmarks.serving.machine import describe_machine
from benchmarks.serving.servers.cores import pinned, share_out

PATH: Final = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog="Example: python -m benchmarks.peers --rounds 3 --only FastAPI --json /tmp/peers.json")
@click.option("--rounds", default=3, show_default=True, help="Of all servers; figures are medians over the rounds.")
@click.option("--large-rounds", default=1, show_default=True, help="Rounds with the frames of 640x512 too.")
@click.option("--seconds", default=3.0, show_default=True, help="Of one load.")
@click.option("--warm-up", default=0.3, show_default=True, help="Seconds before each load.")
@click.option("--idle", default=2.0, show_default=True, help="Seconds in which the CPU of an idle server is measured.")
@click.option(
    "--most-others", default=0.05, show_default=True, help="Share of the core that other programs may take in a load."
)
@click.option("--attempts", default=2, show_default=True, help="How often a disturbed load is measured.")
@click.option("--only", multiple=True, help="Beginning of a server's name; this service is always measured.")
@click.option("--small", is_flag=True, help="256x256 only.")
@click.option("--resume", is_flag=True, help="Go on with the file of --json.")
@click.option("--json", "file", type=PATH, default=Path("build/peers.json"), show_default=True, help="The results.")
@click.option("--page", type=PATH, help="Write tables between the comments of this page, and pictures.")
@click.option(
    "--pictures", type=click.Path(file_okay=False, path_type=Path), default=Path("docs/images"), show_default=True
)
def main(
    rounds: int,
    large_rounds: int,
    seconds: float,
    warm_up: float,
    idle: float,
    most_others: float,
    attempts: int,
    only: tuple[str, ...],
    small: bool,
    resume: bool,
    file: Path,
    page: Path | None,
    pictures: Path,
) -> None:
    """Install the servers, measure them in turn on one core, and write the results after every load."""
    chosen = [one for one in contenders() if one.environment is None or not only or one.name.startswith(only)]
    inputs = INPUTS[:1] if small else INPUTS
    times = Times(seconds, warm_up, idle, most_others)
    options = {"rounds": rounds, "large_rounds": large_rounds, "attempts": attempts, **asdict(times)}
    results = load_results(file) if resume and file.exists() else Results(_about(chosen, options))
    results.missing.clear()
    (core,), own_cores = share_out()
    with pinned(own_cores):
        Bench(chosen, inputs, results, file, core, times, rounds, large_rounds, attempts).run()
    click.echo(summary(results).markdown())
    if page is not None:
        report(results, page, pictures)


def report(results: Results, page: Path, pictures: Path) -> None:
    """Write the page and its pictures."""
    draw(results, pictures)
    write_figures(page, COMMAND, render(results, os.path.relpath(pictures, page.parent)))


def _about(chosen: Sequence[Contender], options: dict[str, Any]) -> dict[str, Any]:
    return {
        "date": date.today().isoformat(),
        "machine": describe_machine(),
        "options": options,
        "contenders": [one.name for one in chosen],
        "versions": {},
    }
