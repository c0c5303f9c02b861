"""Stops and reloads under load: no accepted request is lost.

python -m benchmarks.serving.faults --stops 10 --reloads 10 --json benchmarks/results/serving-faults.json
"""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import uvloop

from benchmarks.serving.clients.arrivals import closed_loop
from benchmarks.serving.clients.requests import standard
from benchmarks.serving.measurements.reloading import Reloads, reload_under_load
from benchmarks.serving.measurements.stopping import Stop, stop_under_load
from benchmarks.serving.report import json_option, keep, median, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.model_versions import write_version
from benchmarks.serving.servers.start import serve

CALIBRATION_S = 5.0
RELOAD_SHARE, STOP_SHARE = 0.5, 1.5  # load over capacity: without refusals, and with a full queue
DRAIN_DELAYS_S = (0.0, 1.0)  # settings of the servers that are stopped, in turn


def reload_models(reloads: int, pause_s: float) -> tuple[float, Reloads]:
    """The capacity, and the answers at half of it while the model is replaced."""
    server_cores, own_cores = share_out()
    with TemporaryDirectory() as folder:
        write_version(Path(folder), 1)
        with serve(server_cores, models=folder) as served, pinned(own_cores):
            capacity = uvloop.run(closed_loop(served.address, standard("none"), 16, CALIBRATION_S))
            met = uvloop.run(reload_under_load(served.address, Path(folder), RELOAD_SHARE * capacity, reloads, pause_s))
    return capacity, met


def stop_servers(stops: int, load_s: float, rate: float) -> list[Stop]:
    """Stop one server after the other while its queue is full."""
    server_cores, own_cores = share_out()
    found = []
    for number in range(stops):
        delay = DRAIN_DELAYS_S[number % len(DRAIN_DELAYS_S)]
        with serve(server_cores, drain_delay_s=str(delay)) as served, pinned(own_cores):
            found.append(uvloop.run(stop_under_load(served, rate, load_s, delay, seed=number)))
    return found


def report(capacity: float, reloads: Reloads, stops: list[Stop]) -> None:
    """Print the tables."""
    click.echo(f"capacity: {capacity:.1f} frames/s")
    show(
        ("reloads", "answers", "by version", "of an old version", "taken up after s, median", "p99 ms"),
        [
            (
                len(reloads.taken_up_s),
                reloads.results,
                reloads.versions,
                reloads.stale,
                median(reloads.taken_up_s),
                reloads.p99_ms,
            )
        ],
    )
    show(
        ("drain delay s", "sent before SIGTERM", "sent after", "lost", "too early", "exit code", "ended after s"),
        [(s.drain_delay_s, s.before, s.after, s.lost, s.early, s.exit_code, s.ended_after_s) for s in stops],
    )


@click.command(epilog="Example: python -m benchmarks.serving.faults --stops 10 --reloads 10")
@click.option("--stops", default=10, show_default=True, help="Servers to stop by SIGTERM.")
@click.option("--reloads", default=10, show_default=True, help="New versions of the model file to write.")
@click.option("--pause", default=3.0, show_default=True, help="Seconds of load before each stop or reload.")
@json_option
def main(stops: int, reloads: int, pause: float, json_file: Path | None) -> None:
    """Reload and stop servers under load. Exit code 1: a promise was broken."""
    capacity, met = reload_models(reloads, pause)
    ended = stop_servers(stops, pause, STOP_SHARE * capacity)
    faults = met.broken() + [fault for stop in ended for fault in stop.broken()]
    report(capacity, met, ended)
    options = {"stops": stops, "reloads": reloads, "pause": pause}
    results = {"capacity": capacity, "reloads": asdict(met), "stops": [asdict(stop) for stop in ended]}
    keep(json_file, options, {"broken": faults, **results})
    if faults:
        raise SystemExit("\n".join(["", *faults]))


if __name__ == "__main__":
    main()
