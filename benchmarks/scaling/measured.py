"""Service times of this machine: CPU time of requests on one core, and the time of a start."""

from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median

from benchmarks.serving.clients.http_client import Stream
from benchmarks.serving.clients.requests import standard
from benchmarks.serving.servers.process import cpu_seconds
from benchmarks.serving.servers.start import Served

WARM_UP = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: the CPU time of each request, and from the start of the process until it was ready."""

    service_s: list[float]
    ready_s: float

    @property
    def median_s(self) -> float:
        """The median of the service times."""
        return median(self.service_s)


async def measure(served: Served, requests: int) -> Measured:
    """Send 8-bit PNGs of 256x256 pixels, one after the other.

    CPU time, because other work of the machine makes a request longer but hardly its CPU time.
    """
    stream = await Stream.open(served.address)
    times = []
    for request in islice(cycle(standard("none")), WARM_UP + requests):
        began = cpu_seconds(served.process.pid)
        answer = await stream.send(request.content)
        assert answer.status == 200
        times.append(cpu_seconds(served.process.pid) - began)
    stream.close()
    return Measured(times[WARM_UP:], served.ready_after_s)
