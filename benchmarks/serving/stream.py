"""One stream at a rate above the device's: order, drops, and the memory of both sides.

python -m benchmarks.serving.stream --json benchmarks/results/serving-stream.json
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.report import json_option, keep, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.process import resident_mb
from benchmarks.serving.servers.start import Served, serve
from rrcanet import Client
from service.simulation.sequence import make_sequence

DIFFERENT: Final = 32  # frames, so that no cache helps
PACED: Final = 20  # frames that are sent one by one, to learn the rate of the device
SAMPLES: Final = 10  # of the memory

Frame = NDArray[np.generic]


@dataclass(slots=True)
class Run:
    """What one stream gave.

    Attributes:
        device_rate: frames a second when each is sent after the answer to the one before.
        sent_rate: frames a second that the client sent.
        answered: frames with targets or without, but without an error.
        faults: frames with an error.
        dropped: as the last answer counts them.
        in_order: whether every answer came after those of the frames before.
        server_mb, client_mb: resident memory at equal distances during the stream.
    """

    device_rate: float = 0.0
    sent_rate: float = 0.0
    answered: int = 0
    faults: int = 0
    dropped: int = 0
    in_order: bool = True
    server_mb: list[float] = field(default_factory=list)
    client_mb: list[float] = field(default_factory=list)


def measure_rate(client: Client, frames: Sequence[Frame]) -> float:
    """Frames a second, one after the other."""
    began = time.monotonic()
    for number in range(PACED):
        client.detect(frames[number % DIFFERENT], mask="none")
    return PACED / (time.monotonic() - began)


def camera(frames: Sequence[Frame], count: int, rate: float, run: Run, pid: int) -> Iterator[Frame]:
    """Frames at a steady rate; notes the memory on the way."""
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        if number % max(1, count // SAMPLES) == 0:
            run.server_mb.append(round(resident_mb(pid), 1))
            run.client_mb.append(round(resident_mb(os.getpid()), 1))
        yield frames[number % DIFFERENT]
    run.sent_rate = count / (time.monotonic() - began)


def stream_frames(served: Served, height: int, width: int, count: int, factor: float, **options: Any) -> Run:
    """Measure the rate of the device, then exceed it."""
    frames = [scene.counts(14) for scene in make_sequence(1, DIFFERENT, height, width)]
    run, latest = Run(), -1
    with Client(f"http://{served.address.host}:{served.address.port}") as client:
        run.device_rate = measure_rate(client, frames)
        rate = factor * run.device_rate
        for found in client.stream(camera(frames, count, rate, run, served.process.pid), **options):
            run.in_order &= found.index > latest
            latest, run.dropped = found.index, found.dropped
            run.faults += found.error is not None
            run.answered += found.error is None
    return run


@click.command()
@click.option("--frames", default=1000, show_default=True)
@click.option("--height", default=256, show_default=True)
@click.option("--width", default=256, show_default=True)
@click.option("--factor", default=4.0, show_default=True, help="Times the rate at which single frames are answered.")
@click.option("--track", is_flag=True, help="Let the server link the targets to tracks.")
@json_option
def main(frames: int, height: int, width: int, factor: float, track: bool, json_file: Path | None) -> None:
    """Stream simulated frames faster than the device answers them."""
    server_cores, own_cores = share_out()
    with pinned(own_cores), serve(server_cores) as served:
        run = stream_frames(served, height, width, frames, factor, track=track)
    missing = frames - run.answered - run.faults - run.dropped
    show(("what", "value"), [*((name, value) for name, value in asdict(run).items()), ("neither", missing)])
    options = {"frames": frames, "height": height, "width": width, "factor": factor, "track": track}
    keep(json_file, options, {"run": asdict(run), "neither_answered_nor_dropped": missing})
    if missing or not run.in_order:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
