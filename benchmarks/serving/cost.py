"""What the service itself costs: CPU a request, CPU when idle, memory, and the time until it is ready.

python -m benchmarks.serving.cost --json benchmarks/results/serving-cost.json
"""

import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import uvloop

from benchmarks.serving.beyond import REQUESTS, Rounds, ask_in_turn, measure, whole_ms
from benchmarks.serving.cores import pinned, share_out
from benchmarks.serving.proc import cpu_seconds, resident_mb
from benchmarks.serving.report import json_option, keep, median, quantile, show
from benchmarks.serving.server import serve
from tests.service.small_models import write_small_model

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
        began = cpu_seconds(pid)
        time.sleep(idle_s)
        idle_share = (cpu_seconds(pid) - began) / idle_s
    return Footprint(ready_after_s, resident_idle_mb, resident_after_frames_mb, idle_share)


def measure_requests(rounds: int, requests: int, **settings: str) -> Rounds:
    """Of a server that counts the work on its frames."""
    server_cores, own_cores = share_out()
    with TemporaryDirectory() as folder:
        account = Path(folder) / "account"
        program = ("-m", "benchmarks.serving.counted", str(account))
        with pinned(own_cores), serve(server_cores, program, **settings) as served:
            return measure(served, account, rounds, requests)


def measure_bare(rounds: int, requests: int) -> list[float]:
    """Milliseconds of CPU that FastAPI and uvicorn take for the same bodies; a measure of the machine."""
    server_cores, own_cores = share_out()
    with pinned(own_cores), serve(server_cores, ("-m", "benchmarks.serving.bare")) as served:
        return whole_ms(served, rounds, requests)


def measure_stand_in(rounds: int, requests: int) -> Rounds:
    """A network of three nodes in place of the real one: the answers come faster, the caches stay warmer."""
    with TemporaryDirectory() as folder:
        write_small_model(Path(folder) / "small.onnx", threshold=FEW_TARGETS)
        return measure_requests(rounds, requests, models=folder)


def report(footprint: Footprint, shipped: Rounds, stand_in: Rounds, bare_ms: list[float]) -> None:
    """Print what a reader wants to know."""
    show(
        ("what", "measured", "goal"),
        [
            ("CPU of a request beyond the work on its frame, ms", _spread(shipped.beyond_ms), "<= 1"),
            ("the same with a stand-in for the network, ms", _spread(stand_in.beyond_ms), "<= 1"),
            ("CPU of a bare FastAPI endpoint that reads the body, ms", _spread(bare_ms), ""),
            ("stand-in's first figure / bare", _ratio(stand_in.beyond_ms, bare_ms), ""),
            ("CPU of the work on its frame, ms", _spread(shipped.frame_ms), ""),
            ("the same with a stand-in, ms", _spread(stand_in.frame_ms), ""),
            ("CPU when idle, % of a core", 100 * footprint.idle_share, "< 0.5"),
            ("start to /readyz 200, s", median(footprint.ready_after_s), "<= 3"),
            ("resident memory when ready, MB", footprint.resident_idle_mb, ""),
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
    shipped = measure_requests(rounds, requests)
    stand_in = measure_stand_in(rounds, requests)
    bare_ms = measure_bare(rounds, requests)
    report(footprint, shipped, stand_in, bare_ms)
    results: dict[str, Any] = {"footprint": asdict(footprint), "bare_ms": bare_ms}
    results |= {"shipped": asdict(shipped), "stand_in": asdict(stand_in)}
    beyond = {"shipped": median(shipped.beyond_ms), "stand_in": median(stand_in.beyond_ms)}
    options = {"starts": starts, "idle": idle, "rounds": rounds, "requests": requests}
    keep(json_file, options, {"beyond_ms": beyond, **results})


if __name__ == "__main__":
    main()
