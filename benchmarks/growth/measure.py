"""The cost of every step of an axis, on servers that have one core."""

import asyncio
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from benchmarks.growth.axes import Axis
from benchmarks.serving.clients.http_client import Stream
from benchmarks.serving.servers.model_versions import write_version
from benchmarks.serving.servers.process import cpu_seconds, most_resident_mb, reset_most_resident, settle
from benchmarks.serving.servers.start import Served, serve
from tests.support.small_models import write_small_model

WARM_UPS: Final = 5  # by then a network for the size is about to be compiled
WARM_UP_S: Final = 4.0  # at most: what takes longer has more frames or windows than warm-ups
PATIENT: Final = {  # every request is answered, however long that takes
    "latency_objective_ms": "3600000",
    "request_timeout_s": "3600",
    "queue_size": "2000",
    "max_connections": "2000",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step: CPU time of the server, time until the last answer, and most resident memory (10^6 bytes)."""

    cpu_ms: float
    wall_ms: float
    peak_mb: float


class WrongAnswer(Exception):
    """The server refused what it should answer; the message has its status."""


def measure(axis: Axis, steps: Sequence[int], cores: Collection[int], seconds: float) -> list[Cost]:
    """The cost of each step, the smallest first.

    Args:
        cores: of the server.
        seconds: of a step, for as often as it can be repeated within.

    Raises:
        WrongAnswer: a request was not answered.
    """
    if axis.requests is None:
        return [_start(models, cores) for models in steps]
    with _server(axis.is_stand_in, cores) as served:
        return [uvloop.run(_answers(served, axis.requests(step), seconds)) for step in steps]


@contextmanager
def _server(is_stand_in: bool, cores: Collection[int]) -> Iterator[Served]:
    with ExitStack() as stack:
        settings = PATIENT
        if is_stand_in:
            folder = stack.enter_context(TemporaryDirectory())
            write_small_model(Path(folder) / "small.onnx")
            settings = PATIENT | {"models": folder}
        yield stack.enter_context(serve(cores, **settings))


def _start(models: int, cores: Collection[int]) -> Cost:
    """Of a server that starts: the time until it is ready; CPU and memory until it has compiled all that it will."""
    with TemporaryDirectory() as folder:
        for version in range(1, models + 1):
            write_version(Path(folder), version, f"{version}.onnx")
        with serve(cores, models=folder) as served:
            pid = served.process.pid
            settle(pid)
            return Cost(1e3 * cpu_seconds(pid), 1e3 * served.ready_after_s, most_resident_mb(pid))


async def _answers(served: Served, requests: Sequence[bytes], seconds: float) -> Cost:
    """Of sending all requests, on connections that are open already."""
    pid = served.process.pid
    streams = [await Stream.open(served.address) for _ in requests]
    await _repeat(streams, requests, WARM_UP_S, most=WARM_UPS)
    settle(pid)
    reset_most_resident(pid)
    before = cpu_seconds(pid)
    times = await _repeat(streams, requests, seconds)
    cost = Cost(1e3 * (cpu_seconds(pid) - before) / len(times), 1e3 * median(times), most_resident_mb(pid))
    for stream in streams:
        stream.close()
    return cost


async def _repeat(
    streams: Sequence[Stream], requests: Sequence[bytes], seconds: float, most: int | None = None
) -> list[float]:
    """Send all requests, and again once all are answered; the seconds that each time took."""
    times: list[float] = []
    while not times or (sum(times) < seconds and len(times) != most):
        began = time.monotonic()
        answers = await asyncio.gather(*map(Stream.send, streams, requests))
        times.append(time.monotonic() - began)
        if refused := [answer for answer in answers if answer.status != 200]:
            raise WrongAnswer(f"{refused[0].status}: {refused[0].body[:200]!r}")
    return times
