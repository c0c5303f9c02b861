"""What the service itself costs: CPU a request, CPU when idle, memory, and the time until it is ready.

python -m benchmarks.serving.cost --json benchmarks/results/serving-cost.json
"""

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import uvloop

from benchmarks.serving.measurements.beyond import REQUESTS, Rounds, ask_in_turn, idle_share, measure
from benchmarks.serving.report import json_option, keep, median, quantile, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.process import resident_mb
from benchmarks.serving.servers.start import serve
from tests.support.small_models import write_small_model

COUNTED, SIMPLE = "benchmarks.serving.servers.counted", "benchmarks.serving.servers.simple"
FRAMES = 200
FEW_TARGETS = 0.75  # the threshold of a stand-in that takes brightness for probability


@dataclass(frozen=True, slots=True)
class Footprint:
    """Of a server that ships as it is; ``idle_share`` of one core."""

    ready_after_s: list[float]
    resident_idle_mb: float
    resident_after_frames_mb: float
    idle_share: float


def measure_starts(starts: int) -> list[float]:
    """Seconds from the start of the process to the first 200 of /readyz; its files are in the page cache."""
    found = []
    for _ in range(starts):
        server_cores, own_cores = share_out()
        with pinned(own_cores), serve(server_cores) as served:
            found.append(served.ready_after_s)
    return found


def measure_footprint(starts: int, idle_s: float) -> Footprint:
    """Of the model that ships."""
    server_cores, own_cores = share_out()
    ready_after_s = measure_starts(starts)
    with pinned(own_cores), serve(server_cores) as served:
        pid = served.process.pid
        resident_idle_mb = resident_mb(pid)
        uvloop.run(ask_in_turn(served.address, REQUESTS, FRAMES))
        resident_after_frames_mb = resident_mb(pid)
        return Footprint(ready_after_s, resident_idle_mb, resident_after_frames_mb, idle_share(pid, idle_s))


def measure_counted(program: str, rounds: int, requests: int, **settings: str) -> Rounds:
    """Of a server that counts the work on its frames."""
    server_cores, own_cores = share_out()
    with TemporaryDirectory() as folder:
        account = Path(folder) / "account"
        with pinned(own_cores), serve(server_cores, ("-m", program, str(account)), **settings) as served:
            return measure(served, rounds, requests, account)


def measure_bare(rounds: int, requests: int) -> Rounds:
    """Of FastAPI and uvicorn alone, for the same bodies; a measure of the machine."""
    server_cores, own_cores = share_out()
    with pinned(own_cores), serve(server_cores, ("-m", "benchmarks.serving.servers.bare")) as served:
        return measure(served, rounds, requests)


def measure_stand_in(rounds: int, requests: int) -> Rounds:
    """A network of three nodes in place of the real one: the answers come faster, the caches stay warmer."""
    with TemporaryDirectory() as folder:
        write_small_model(Path(folder) / "small.onnx", threshold=FEW_TARGETS)
        return measure_counted(COUNTED, rounds, requests, models=folder)


def report(footprint: Footprint, found: Mapping[str, Rounds]) -> None:
    """Print what a reader wants to know."""
    shipped, simple, stand_in, bare = (found[name].beyond_ms for name in ("shipped", "simple", "stand_in", "bare"))
    show(
        ("what", "measured", "goal"),
        [
            ("CPU of a request beyond the work on its frame, ms", _spread(shipped), "<= 1"),
            ("CPU of an endpoint as one writes it first, beyond the same work, ms", _spread(simple), ""),
            ("the first / the second", _ratio(shipped, simple), ""),
            ("CPU of a request with a stand-in for the network, ms", _spread(stand_in), "<= 1"),
            ("CPU of a bare FastAPI endpoint that reads the body, ms", _spread(bare), ""),
            ("the stand-in's / the bare one's", _ratio(stand_in, bare), ""),
            ("CPU of the work on a frame, ms", _spread(found["shipped"].frame_ms), ""),
            ("the same with a stand-in, ms", _spread(found["stand_in"].frame_ms), ""),
            ("CPU when idle, % of a core", 100 * footprint.idle_share, "< 0.5"),
            ("start to /readyz 200, s", median(footprint.ready_after_s), "<= 3"),
            ("resident memory when ready, MB", footprint.resident_idle_mb, "< 300"),
            (f"resident memory after {FRAMES} frames, MB", footprint.resident_after_frames_mb, "< 300"),
        ],
    )


def _ratio(some: list[float], others: list[float]) -> float:
    return statistics.median(some) / statistics.median(others)


def _spread(values: list[float]) -> str:
    return f"{quantile(values, 0.5):.2f} (quartiles {quantile(values, 0.25):.2f} to {quantile(values, 0.75):.2f})"


@click.command(epilog="Example: python -m benchmarks.serving.cost --rounds 11 --requests 200")
@click.option("--starts", default=5, show_default=True, help="Servers to start.")
@click.option("--idle", default=20.0, show_default=True, help="Seconds of doing nothing.")
@click.option("--rounds", default=11, show_default=True, help="Of requests.")
@click.option("--requests", default=200, show_default=True, help="Of each round.")
@json_option
def main(starts: int, idle: float, rounds: int, requests: int, json_file: Path | None) -> None:
    """Measure a server that has nothing else to do."""
    footprint = measure_footprint(starts, idle)
    found = {
        "shipped": measure_counted(COUNTED, rounds, requests),
        "simple": measure_counted(SIMPLE, rounds, requests),
        "stand_in": measure_stand_in(rounds, requests),
        "bare": measure_bare(rounds, requests),
    }
    report(footprint, found)
    results: dict[str, Any] = {"beyond_ms": {name: median(one.beyond_ms) for name, one in found.items()}}
    results |= {"footprint": asdict(footprint)} | {name: asdict(one) for name, one in found.items()}
    options = {"starts": starts, "idle": idle, "rounds": rounds, "requests": requests}
    keep(json_file, options, results)


if __name__ == "__main__":
    main()
