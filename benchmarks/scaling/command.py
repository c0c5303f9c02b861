"""The scaling rule of ``deploy/kubernetes/components/keda``, simulated with service times of this machine.

python -m benchmarks.scaling --json benchmarks/results/scaling.json --plot docs/images/scaling.svg
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from benchmarks.scaling.autoscaler import Rule
from benchmarks.scaling.measured import Measured, measure
from benchmarks.scaling.plot import draw
from benchmarks.scaling.simulation import Step, simulate
from benchmarks.scaling.summary import Bin, bins, by_step, medians
from benchmarks.serving.report import json_option, keep, show
from benchmarks.serving.servers.start import serve

LOADS: Final = (0.5, 3.0, 6.0, 12.0, 1.0)  # in pods that the load keeps busy
LENGTHS: Final = (0.5, 1.0, 1.0, 1.0, 1.5)  # of the steps, in --minutes
RULES: Final = {
    "4 frames": Rule(),  # deploy/kubernetes/components/keda
    "4 frames, no refusals": Rule(with_refusals=False),
    "2 frames": Rule(queue=2),
    "8 frames": Rule(queue=8),
    "16 frames": Rule(queue=16),
    "48 frames": Rule(queue=48),
    "48 frames, no refusals": Rule(queue=48, with_refusals=False),
}
DRAWN: Final = ("4 frames", "48 frames", "48 frames, no refusals")
HEAD: Final = ("rule", "load, busy pods", "pods, mean", "refused, %", "p99, ms")


@click.command()
@click.option("--requests", default=100, show_default=True, help="Requests whose service time is measured.")
@click.option("--minutes", default=10.0, show_default=True, help="Length of a step of the load.")
@click.option("--place-s", default=10.0, show_default=True, help="Time until a new pod's process begins, in seconds.")
@click.option("--seed", default=1, show_default=True, help="Of the first run, which the picture shows.")
@click.option("--runs", "repeats", default=5, show_default=True, help="Runs of every rule; the table has medians.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture (SVG).")
@json_option
def main(
    requests: int, minutes: float, place_s: float, seed: int, repeats: int, plot: Path | None, json_file: Path | None
) -> None:
    """Measure service times, then simulate steps of the load with several rules."""
    with serve({0}, device="cpu") as served:
        measured = asyncio.run(measure(served, requests))
    steps = steps_of(1 / measured.median_s, minutes)
    seeds = range(seed, seed + repeats)
    runs = {name: run(rule, steps, measured, place_s, seeds) for name, rule in RULES.items()}
    click.echo(f"median of the service times {1e3 * measured.median_s:.1f} ms, start {measured.ready_s:.1f} s")
    show(HEAD, [row for name, (_, found) in runs.items() for row in rows_of(name, found)])
    if plot is not None:
        draw(plot, {name: runs[name][0] for name in DRAWN}, steps, 1 / measured.median_s)
    options = {
        "requests": requests,
        "minutes": minutes,
        "place_s": place_s,
        "seed": seed,
        "runs": repeats,
        "loads": LOADS,
    }
    steps_found = {name: [asdict(one) for one in found] for name, (_, found) in runs.items()}
    drawn = {name: [asdict(one) for one in runs[name][0]] for name in DRAWN}
    keep(json_file, options, {"measured": asdict(measured), "by_step": steps_found, "over_time": drawn})


def steps_of(capacity: float, minutes: float) -> list[Step]:
    """The steps of the load, for pods that answer ``capacity`` requests a second."""
    return [Step(60 * minutes * length, load * capacity) for load, length in zip(LOADS, LENGTHS, strict=True)]


def run(
    rule: Rule, steps: Sequence[Step], measured: Measured, place_s: float, seeds: Sequence[int]
) -> tuple[list[Bin], list[Bin]]:
    """Figures of the first run over time, and the medians of all runs for each step."""
    start_s = place_s + measured.ready_s
    runs = [list(simulate(steps, rule, measured.service_s, start_s, seed)) for seed in seeds]
    return bins(runs[0]), medians([by_step(seconds, steps) for seconds in runs])


def rows_of(name: str, found: Sequence[Bin]) -> list[tuple[object, ...]]:
    """Rows of the table."""
    return [
        (name, load, round(one.mean_pods, 1), round(100 * one.refused, 1), one.p99_ms)
        for load, one in zip(LOADS, found, strict=True)
    ]
