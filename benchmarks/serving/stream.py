"""One stream at a rate above the device's: order, drops, and the memory of both sides.

python -m benchmarks.serving.stream --json benchmarks/results/serving-stream.json
"""

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TypedDict

import click
import numpy as np
import uvloop

from benchmarks.serving.report import json_option, keep, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.process import resident_mb
from benchmarks.serving.servers.start import Served, serve
from rrcanet import AsyncClient
from service.simulation.scene import make_scene

DIFFERENT: Final = 16  # frames, all different, so that no cache helps
PACED: Final = 20  # frames that are sent one by one, to learn the rate of the device
SAMPLES: Final = 10  # of the memory


class Size(TypedDict):
    """Of raw rows."""

    width: int
    height: int
    dtype: str


@dataclass(slots=True)
class Run:
    """What one stream gave.

    Attributes:
        device_rate: frames a second when each is sent after the answer to the one before.
        sent_rate: frames a second that the client sent.
        answered: frames with targets.
        faults: frames with an error.
        dropped: as the last answer counts them.
        in_order: whether every answer came after those of the frames before.
        delay_ms: median time from the arrival of a frame to its answer.
        server_mb, client_mb: resident memory at equal distances during the stream.
    """

    device_rate: float = 0.0
    sent_rate: float = 0.0
    answered: int = 0
    faults: int = 0
    dropped: int = 0
    in_order: bool = True
    delay_ms: float = 0.0
    server_mb: list[float] = field(default_factory=list)
    client_mb: list[float] = field(default_factory=list)


def scenes(height: int, width: int) -> list[bytes]:
    """Raw rows of 14-bit counts."""
    return [make_scene(seed, height, width).counts(14).astype("<u2").tobytes() for seed in range(DIFFERENT)]


async def measure_rate(client: AsyncClient, bodies: Sequence[bytes], size: Size) -> float:
    """Frames a second, one after the other."""
    began = time.monotonic()
    for number in range(PACED):
        await client.detect(bodies[number % DIFFERENT], mask="none", **size)
    return PACED / (time.monotonic() - began)


async def paced(bodies: Sequence[bytes], frames: int, rate: float, run: Run, pid: int) -> AsyncIterator[bytes]:
    """Frames at a steady rate; the memory is noted on the way."""
    began = time.monotonic()
    for number in range(frames):
        await asyncio.sleep(began + number / rate - time.monotonic())
        yield bodies[number % DIFFERENT]
        if number % max(1, frames // SAMPLES) == 0:
            run.server_mb.append(round(resident_mb(pid), 1))
            run.client_mb.append(round(resident_mb(os.getpid()), 1))
    run.sent_rate = frames / (time.monotonic() - began)


async def stream_frames(served: Served, height: int, width: int, frames: int, factor: float) -> Run:
    """Measure the rate of the device, and then stream through ``AsyncClient.stream`` at a rate above it."""
    bodies, run = scenes(height, width), Run()
    size: Size = {"width": width, "height": height, "dtype": "u16le"}
    latest, delays = -1, []
    async with AsyncClient(f"http://{served.address.host}:{served.address.port}") as client:
        run.device_rate = await measure_rate(client, bodies, size)
        sent = paced(bodies, frames, factor * run.device_rate, run, served.process.pid)
        async for found in client.stream(sent, **size):
            run.in_order &= found.index > latest
            latest, run.dropped = found.index, found.dropped
            run.answered += found.error is None
            run.faults += found.error is not None
            delays.append(found.timing_ms.get("total", math.nan))
    run.delay_ms = float(np.nanmedian(delays))
    return run


@click.command()
@click.option("--frames", default=1000, show_default=True)
@click.option("--height", default=256, show_default=True)
@click.option("--width", default=256, show_default=True)
@click.option("--factor", default=4.0, show_default=True, help="Times the rate at which single frames are answered.")
@json_option
def main(frames: int, height: int, width: int, factor: float, json_file: Path | None) -> None:
    """Stream simulated frames faster than the device answers them."""
    server_cores, own_cores = share_out()
    with pinned(own_cores), serve(server_cores) as served:
        run = uvloop.run(stream_frames(served, height, width, frames, factor))
    missing = frames - run.answered - run.faults - run.dropped
    show(("what", "value"), [*((name, value) for name, value in asdict(run).items()), ("neither", missing)])
    options = {"frames": frames, "height": height, "width": width, "factor": factor}
    keep(json_file, options, {"run": asdict(run), "neither_answered_nor_dropped": missing})
    if missing or not run.in_order:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
