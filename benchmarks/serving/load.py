"""Goodput and latency at loads from half of the capacity to three times the capacity.

python -m benchmarks.serving.load --seconds 30 --pairs 5 --json benchmarks/results/serving-load.json
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import uvloop

from benchmarks.serving.clients.arrivals import closed_loop
from benchmarks.serving.clients.http_client import Address
from benchmarks.serving.clients.requests import standard
from benchmarks.serving.measurements.at_load import Measured, measure
from benchmarks.serving.report import json_option, keep, median, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.start import serve

CLIENTS = 16  # of the closed loop that measures the capacity: two full batches
SHARES = (0.5, 0.8, 1.2)  # of the capacity
OVERLOAD = 3.0
GOAL = "goal: within 5 %"


@dataclass(frozen=True, slots=True)
class Pair:
    """Peak load and overload, one right after the other, so that other work of the machine affects both alike."""

    peak: Measured
    overload: Measured

    @property
    def kept(self) -> float:
        """Goodput under overload, as a share of the goodput at peak load."""
        return self.overload.goodput / self.peak.goodput


@dataclass(frozen=True, slots=True)
class Results:
    """``capacity`` in frames a second; ``hurried`` is an overload whose deadlines are shorter than the queue."""

    capacity: float
    loads: list[Measured]
    hurried: Measured
    pairs: list[Pair]

    @property
    def all(self) -> list[Measured]:
        return [*self.loads, self.hurried, *(one for pair in self.pairs for one in (pair.peak, pair.overload))]


async def run(address: Address, seconds: float, pairs: int, timeout_ms: float) -> Results:
    """Measure the capacity, then each load for so many seconds."""
    capacity = await closed_loop(address, standard(), CLIENTS, seconds)

    async def at(share: float, seed: int, timeout_ms: float | None = None) -> Measured:
        return await measure(address, capacity, share, seconds, seed, timeout_ms)

    loads = [await at(share, seed) for seed, share in enumerate((*SHARES, OVERLOAD))]
    hurried = await at(OVERLOAD, len(loads), timeout_ms)
    peak = max(loads[:-1], key=lambda one: one.goodput).share
    return Results(
        capacity,
        loads,
        hurried,
        [Pair(await at(peak, 100 + number), await at(OVERLOAD, 200 + number)) for number in range(pairs)],
    )


def report(results: Results) -> None:
    """Print the tables."""
    click.echo(f"capacity: {results.capacity:.1f} frames/s ({CLIENTS} clients that never pause)")
    _show_loads(results.all)
    show(
        ("load", "/livez p50 ms", "/livez p99 ms", "/livez longest ms", "generator behind p99 ms"),
        [
            (f"{one.share:.0%}", one.livez_p50_ms, one.livez_p99_ms, one.livez_longest_ms, one.behind_p99_ms)
            for one in results.all
        ],
    )
    if results.pairs:
        click.echo(f"\ngoodput at {OVERLOAD:.0%} of that at the peak, median of {len(results.pairs)} pairs ({GOAL}):")
        click.echo(f"{median([pair.kept for pair in results.pairs]):.1%}")


def _show_loads(rows: Sequence[Measured]) -> None:
    show(
        ("load", "offered/s", "goodput/s", "p50 ms", "p99 ms", "answers", "longest after deadline ms"),
        [
            (_name(one), one.offered, one.goodput, one.p50_ms, one.p99_ms, one.answers, max(0.0, one.overrun_ms or 0.0))
            for one in rows
        ],
    )


def _name(one: Measured) -> str:
    return f"{one.share:.0%}" + (f", timeout_ms={one.timeout_ms:g}" if one.timeout_ms else "")


@click.command(epilog="Example: python -m benchmarks.serving.load --seconds 30 --pairs 5")
@click.option("--seconds", default=30.0, show_default=True, help="How long each load lasts.")
@click.option(
    "--pairs", default=5, show_default=True, help="Pairs of peak load and overload, for the ratio of goodput."
)
@click.option(
    "--timeout-ms", default=1000.0, show_default=True, help="Deadline of the requests in one more row of overload."
)
@json_option
def main(seconds: float, pairs: int, timeout_ms: float, json_file: Path | None) -> None:
    """Start a server on one core and load it from another. Exit code 1: a promise was broken."""
    server_cores, own_cores = share_out()
    with serve(server_cores) as served, pinned(own_cores):
        results = uvloop.run(run(served.address, seconds, pairs, timeout_ms))
        faults = [fault for one in results.all for fault in one.broken()] + served.errors()
    report(results)
    kept = [pair.kept for pair in results.pairs]
    options = {"seconds": seconds, "pairs": pairs, "timeout_ms": timeout_ms}
    keep(json_file, options, {"goodput_kept": median(kept), "broken": faults, **asdict(results)})
    if faults:
        raise SystemExit("\n".join(["", *faults]))


if __name__ == "__main__":
    main()
