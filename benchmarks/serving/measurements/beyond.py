"""CPU time of a request, beyond the work on its frame that any program would have to do.

The server counts the CPU of that work in its own threads; the rest of what its process uses is HTTP, validation,
queues, threads' hand-overs, metrics and logs. Both come of the same requests, so that no noise lies between them. What
the process would have used meanwhile if nobody had asked is idle CPU, which has a figure of its own.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from benchmarks.serving.clients.http_client import Address, Stream
from benchmarks.serving.clients.requests import Request, detect
from benchmarks.serving.servers.counted import read_account
from benchmarks.serving.servers.process import cpu_seconds
from benchmarks.serving.servers.start import Served
from service.simulation.scene import make_scene
from tests.support import frames

BODIES = [frames.png(make_scene(seed, 256, 256).counts(8)) for seed in range(16)]
IDLE_S = 5.0
REQUESTS = [detect("256x256 png", body, "image/png", "mask=png") for body in BODIES]


@dataclass(frozen=True, slots=True)
class Rounds:
    """Milliseconds of CPU a request, round by round: of the process, of the work on frames, and of idling meanwhile."""

    whole_ms: list[float] = field(default_factory=list)
    frame_ms: list[float] = field(default_factory=list)
    idle_ms: list[float] = field(default_factory=list)

    @property
    def beyond_ms(self) -> list[float]:
        """What the service adds."""
        parts = zip(self.whole_ms, self.frame_ms, self.idle_ms, strict=True)
        return [whole - frame - idle for whole, frame, idle in parts]


def measure(served: Served, rounds: int, requests: int, account: Path | None = None) -> Rounds:
    """Rounds of ``requests``, one after the other on one connection; without ``account`` no work on frames is known."""
    found, pid = Rounds(), served.process.pid
    uvloop.run(ask_in_turn(served.address, REQUESTS, requests))
    idle = idle_share(pid, IDLE_S)
    for _ in range(rounds):
        began, used, counted = time.monotonic(), cpu_seconds(pid), _counted(account)
        uvloop.run(ask_in_turn(served.address, REQUESTS, requests))
        found.whole_ms.append(1e3 * (cpu_seconds(pid) - used) / requests)
        found.frame_ms.append(1e3 * (_counted(account) - counted) / requests)
        found.idle_ms.append(1e3 * idle * (time.monotonic() - began) / requests)
    return found


def idle_share(pid: int, seconds: float) -> float:
    """CPU of a process that nobody asks, as a share of a core."""
    began = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - began) / seconds


def _counted(account: Path | None) -> float:
    return 0.0 if account is None else read_account(account)


async def ask_in_turn(address: Address, requests: Sequence[Request], number: int) -> bytes:
    """One client on one connection; the last answer's body."""
    stream = await Stream.open(address)
    for index in range(number):
        answer = await stream.send(requests[index % len(requests)].content)
        if answer.status != 200:
            raise ValueError(f"{requests[index % len(requests)].name}: {answer.status}")
    stream.close()
    return answer.body
