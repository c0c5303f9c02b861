"""CPU time of a request, beyond the work on its frame that any program would have to do.

The server counts the CPU of that work in its own threads; the rest of what its process uses is HTTP, validation,
queues, threads' hand-overs, metrics and logs. Both come of the same requests, so that no noise lies between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.serving.counted import read_account
from benchmarks.serving.proc import cpu_seconds
from benchmarks.serving.server import Served
from benchmarks.serving.traffic import Request, detect
from benchmarks.serving.wire import Address, Stream
from tests import frames
from tests.scenes import make_scene

BODIES = [frames.png(make_scene(seed, 256, 256).counts(8)) for seed in range(16)]
REQUESTS = [detect("256x256 png", body, "image/png", "mask=png") for body in BODIES]


@dataclass(frozen=True, slots=True)
class Rounds:
    """Milliseconds of CPU a request, round by round."""

    whole_ms: list[float]
    frame_ms: list[float]

    @property
    def beyond_ms(self) -> list[float]:
        """What the service adds."""
        return [whole - frame for whole, frame in zip(self.whole_ms, self.frame_ms, strict=True)]


def measure(served: Served, account: Path, rounds: int, requests: int) -> Rounds:
    """Rounds of ``requests``, one after the other on one connection."""
    found = Rounds([], [])
    uvloop.run(ask_in_turn(served.address, REQUESTS, requests))
    for _ in range(rounds):
        began, counted = cpu_seconds(served.process.pid), read_account(account)
        uvloop.run(ask_in_turn(served.address, REQUESTS, requests))
        found.whole_ms.append(1e3 * (cpu_seconds(served.process.pid) - began) / requests)
        found.frame_ms.append(1e3 * (read_account(account) - counted) / requests)
    return found


def whole_ms(served: Served, rounds: int, requests: int) -> list[float]:
    """Milliseconds of CPU a request of a server that counts nothing, round by round."""
    found = []
    uvloop.run(ask_in_turn(served.address, REQUESTS, requests))
    for _ in range(rounds):
        began = cpu_seconds(served.process.pid)
        uvloop.run(ask_in_turn(served.address, REQUESTS, requests))
        found.append(1e3 * (cpu_seconds(served.process.pid) - began) / requests)
    return found


async def ask_in_turn(address: Address, requests: Sequence[Request], number: int) -> bytes:
    """One client on one connection; the last answer's body."""
    stream = await Stream.open(address)
    for index in range(number):
        answer = await stream.send(requests[index % len(requests)].content)
        if answer.status != 200:
            raise ValueError(f"{requests[index % len(requests)].name}: {answer.status}")
    stream.close()
    return answer.body
