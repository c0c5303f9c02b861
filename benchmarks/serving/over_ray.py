"""What Ray Serve costs beside ``rrcanet serve``: CPU and latency of a request, CPU when idle, and memory.

python -m benchmarks.serving.over_ray --json benchmarks/results/serving-over-ray.json

All contenders run at once, and take turns with rounds of requests, one request at a time. A network of three nodes
stands for the real one, so that what is around it shows.
"""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import uvloop

from benchmarks.serving.clients.http_client import Address, Stream
from benchmarks.serving.clients.requests import Request, standard
from benchmarks.serving.report import json_option, keep, median, quantile, show
from benchmarks.serving.servers.process import cpu_seconds, proportional_mb
from benchmarks.serving.servers.start import StartFault, serve
from tests.support.small_models import write_small_model
from tests.support.wire import free_port

FEW_TARGETS = 0.75  # the threshold of a stand-in that takes brightness for probability
HAPROXY = "RAY_SERVE_ENABLE_HA_PROXY"
SERVICE, PROXY, REST = "service", "proxy", "rest of Ray"
GROUPS = {"ray::ServeReplica": SERVICE, "ray::ProxyActor": PROXY, "ray::HAProxy": PROXY, "haproxy": PROXY}


@dataclass(frozen=True, slots=True)
class Contender:
    """A server: where it listens, and the process that started all others of it."""

    name: str
    address: Address
    pid: int
    other: str = REST  # the group of processes that none of ``GROUPS`` fits

    def processes(self) -> Iterator[tuple[str, int]]:
        """Group and id of each process."""
        for pid in _descendants(self.pid):
            title = _title(pid)
            yield next((group for start, group in GROUPS.items() if start in title), self.other), pid


@dataclass(slots=True)
class Found:
    """Of one contender: milliseconds of a request in each round, by group; latencies of all requests; and so on."""

    cpu_ms: dict[str, list[float]] = field(default_factory=dict)
    latency_ms: list[float] = field(default_factory=list)
    idle_share: float = 0.0
    memory_mb: dict[str, float] = field(default_factory=dict)


@contextmanager
def over_ray(name: str, models: Path, more: dict[str, str]) -> Iterator[Contender]:
    """A cluster of one node with one replica."""
    port = free_port()
    environment = os.environ | {"RRCANET_MODELS": str(models)} | more
    command = [sys.executable, "-m", "tests.distributed.cluster", str(port), "1"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)  # its log shows why it does not start
    assert process.stdout is not None
    try:
        if not any(line == b"ready\n" for line in process.stdout):
            raise StartFault(name)
        yield Contender(name, Address("127.0.0.1", port), process.pid)
    finally:
        process.terminate()
        process.wait()


async def ask(address: Address, requests: Sequence[Request], count: int) -> list[float]:
    """Milliseconds of each of ``count`` requests on one connection."""
    stream = await Stream.open(address)
    latencies = []
    for number in range(count):
        began = time.perf_counter()
        answer = await stream.send(requests[number % len(requests)].content)
        latencies.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200, answer.body
    stream.close()
    return latencies


def one_round(contender: Contender, requests: Sequence[Request], count: int, found: Found) -> None:
    """Some requests, and the CPU time of all processes meanwhile."""
    before = _cpu_of(contender)
    found.latency_ms += uvloop.run(ask(contender.address, requests, count))
    for group, seconds in _cpu_of(contender).items():
        found.cpu_ms.setdefault(group, []).append(1000 * (seconds - before[group]) / count)


def measure_rest(contender: Contender, idle_s: float, found: Found) -> None:
    """Memory, and the share of a core that is used without any request."""
    before = sum(_cpu_of(contender).values())
    time.sleep(idle_s)
    found.idle_share = (sum(_cpu_of(contender).values()) - before) / idle_s
    memory: defaultdict[str, float] = defaultdict(float)
    for group, pid in contender.processes():
        memory[group] += proportional_mb(pid)
    found.memory_mb = dict(memory)


def _cpu_of(contender: Contender) -> dict[str, float]:
    seconds: defaultdict[str, float] = defaultdict(float)
    for group, pid in contender.processes():
        seconds[group] += cpu_seconds(pid)
    return seconds


def _descendants(pid: int) -> list[int]:
    """The process and all that it has started, and so on."""
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    return [pid, *(one for child in children for one in _descendants(child))]


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")


def report(found: dict[str, Found]) -> None:
    """Print a table with a line for each contender."""
    show(
        ("server", "CPU of a request, ms", "of it the service", "proxy", "rest", "latency, median ms", "p90"),
        [(name, *_costs(one), median(one.latency_ms), quantile(one.latency_ms, 0.9)) for name, one in found.items()],
    )
    show(
        ("server", "memory, MB", "of it the service", "proxy", "rest", "CPU when idle, % of a core"),
        [(name, *_parts(one.memory_mb), 100 * one.idle_share) for name, one in found.items()],
    )


def _costs(one: Found) -> list[float]:
    return _parts({group: median(rounds) or 0.0 for group, rounds in one.cpu_ms.items()})


def _parts(groups: dict[str, float]) -> list[float]:
    return [sum(groups.values()), *(groups.get(group, 0.0) for group in (SERVICE, PROXY, REST))]


@click.command(epilog="Example: python -m benchmarks.serving.over_ray --rounds 11 --requests 200")
@click.option("--rounds", default=11, show_default=True, help="Of requests.")
@click.option("--requests", default=200, show_default=True, help="Of each round.")
@click.option("--idle", default=20.0, show_default=True, help="Seconds of doing nothing.")
@json_option
def main(rounds: int, requests: int, idle: float, json_file: Path | None) -> None:
    """Measure one replica on one node beside the plain server."""
    with ExitStack() as stack:
        models = Path(stack.enter_context(TemporaryDirectory()))
        write_small_model(models / "small.onnx", threshold=FEW_TARGETS)
        plain = stack.enter_context(serve(os.sched_getaffinity(0), models=str(models)))
        contenders = [
            Contender("rrcanet serve", plain.address, plain.process.pid, SERVICE),
            stack.enter_context(over_ray("Ray Serve", models, {HAPROXY: "0"})),
            stack.enter_context(over_ray("Ray Serve with HAProxy", models, {HAPROXY: "1"})),
        ]
        found = {contender.name: Found() for contender in contenders}
        frames = standard()
        for contender in contenders:
            uvloop.run(ask(contender.address, frames, len(frames)))
        for _ in range(rounds):
            for contender in contenders:
                one_round(contender, frames, requests, found[contender.name])
        for contender in contenders:
            measure_rest(contender, idle, found[contender.name])
    report(found)
    options = {"rounds": rounds, "requests": requests, "idle": idle}
    keep(json_file, options, {name: asdict(one) for name, one in found.items()})


if __name__ == "__main__":
    main()
