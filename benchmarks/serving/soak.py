"""Half an hour of mixed requests: none fails, and memory does not grow.

python -m benchmarks.serving.soak --reloads --hang-ups --bad-frames --json benchmarks/results/serving-soak.json
"""

import asyncio
import collections
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import uvloop

from benchmarks.serving.clients.arrivals import Outcome, closed_loop, open_loop, poisson
from benchmarks.serving.clients.disturbances import hang_up_often, reload_often
from benchmarks.serving.clients.requests import broken, mixed
from benchmarks.serving.measurements.memory import Memory
from benchmarks.serving.report import json_option, keep, quantile, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.model_versions import write_version
from benchmarks.serving.servers.start import Served, serve

CALIBRATION_S = 20.0
CLIENTS = 8
RELOAD_EVERY_S = 60.0
RELOADS = (0.22, 0.78)  # share of the time: a new model allocates for every size again, so none is loaded near the end
GROWTH_GOAL = "goal: within 2 %"


@dataclass(frozen=True, slots=True)
class Plan:
    """``load`` is a share of the capacity; the flags switch the disturbances on."""

    minutes: float
    load: float
    reloads: bool
    hang_ups: bool
    bad_frames: bool


@dataclass(slots=True)
class Soak:
    """Results; ``faults`` counts wrong answers by the name of the request and the status."""

    rate: float
    memory: Memory
    results: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: collections.Counter[str] = field(default_factory=collections.Counter)
    latencies_ms: list[float] = field(default_factory=list)

    def take(self, outcome: Outcome) -> None:
        """Count one answer."""
        self.results[outcome.result] += 1
        self.latencies_ms.append(1e3 * (outcome.ended - outcome.due))
        if outcome.result not in {"429", *map(str, outcome.request.expected)}:
            self.faults[f"{outcome.request.name}: {outcome.result}"] += 1

    @property
    def growth(self) -> float | None:
        """Growth of the resident memory since the first sixth of the time, as a share."""
        early, late = self.memory.early, self.memory.late
        return late / early - 1 if early and late else None


async def run(served: Served, folder: Path, plan: Plan) -> Soak:
    """Measure the capacity for the mixture of requests, then load the server with a share of that capacity."""
    requests, seconds = mixed(), 60 * plan.minutes
    rate = plan.load * await closed_loop(served.address, requests, CLIENTS, CALIBRATION_S)
    soak = Soak(rate, Memory(seconds))
    meanwhile = [asyncio.create_task(soak.memory.watch(served.process.pid))]
    if plan.reloads:
        meanwhile.append(
            asyncio.create_task(reload_often(folder, RELOAD_EVERY_S, *(share * seconds for share in RELOADS)))
        )
    if plan.hang_ups:
        meanwhile.append(asyncio.create_task(hang_up_often(served.address, requests, every_s=1)))
    sent = requests + (broken() if plan.bad_frames else [])
    await open_loop(served.address, poisson(rate, seconds, sent, seed=0), soak.take)
    for task in meanwhile:
        task.cancel()
    await asyncio.wait(meanwhile)
    for task in meanwhile:
        if not task.cancelled():
            task.result()  # raises the error of a task that failed
    return soak


def report(plan: Plan, soak: Soak) -> None:
    """Print the table."""
    show(
        ("minutes", "requests/s", "answers", "p50 ms", "p99 ms", "MB after a sixth", "MB in the end", "growth %"),
        [
            (
                plan.minutes,
                soak.rate,
                dict(soak.results),
                quantile(soak.latencies_ms, 0.5),
                quantile(soak.latencies_ms, 0.99),
                soak.memory.early,
                soak.memory.late,
                None if soak.growth is None else 100 * soak.growth,
            )
        ],
    )
    click.echo(f"growth of memory, {GROWTH_GOAL}")


@click.command(epilog="Example: python -m benchmarks.serving.soak --minutes 30 --reloads --hang-ups --bad-frames")
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--load", default=0.7, show_default=True, help="Share of the capacity.")
@click.option("--reloads", is_flag=True, help="A new version of the model file every minute.")
@click.option("--hang-ups", is_flag=True, help="A client a second disconnects before its answer.")
@click.option("--bad-frames", is_flag=True, help="One request in eleven carries no frame.")
@json_option
def main(minutes: float, load: float, reloads: bool, hang_ups: bool, bad_frames: bool, json_file: Path | None) -> None:
    """Load a server for a long time. Exit code 1: a request got a wrong answer, or the server logged an error."""
    plan = Plan(minutes, load, reloads, hang_ups, bad_frames)
    server_cores, own_cores = share_out()
    with TemporaryDirectory() as folder:
        write_version(Path(folder), 1)
        with serve(server_cores, models=folder) as served, pinned(own_cores):
            soak = uvloop.run(run(served, Path(folder), plan))
            faults = [f"{count} x {fault}" for fault, count in sorted(soak.faults.items())] + served.errors()
    report(plan, soak)
    results = {"rate": soak.rate, "results": dict(soak.results), "broken": faults, "growth": soak.growth}
    memory = {"early_mb": soak.memory.early, "late_mb": soak.memory.late, "samples": soak.memory.samples}
    options = {name: getattr(plan, name) for name in Plan.__slots__}
    keep(json_file, options, {**results, "memory": memory})
    if faults:
        raise SystemExit("\n".join(["", *faults]))


if __name__ == "__main__":
    main()
