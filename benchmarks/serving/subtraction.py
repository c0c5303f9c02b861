"""CPU time of a request, beyond the work on its frame that any program would have to do.

The same frames go through a server and, in turn, through the same stages in this process, on the same core with as many
threads. What the rounds differ by is HTTP, validation, queues, threads' hand-overs, metrics and logs.
"""

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.serving.cores import pinned
from benchmarks.serving.proc import cpu_seconds
from benchmarks.serving.server import Served
from benchmarks.serving.traffic import Request, detect
from benchmarks.serving.wire import Address, Stream
from service.answer import MaskEncoding, describe_detection, describe_model
from service.detector import Detector, Options
from service.errors import ServiceError
from service.frames import Budget, decode
from service.repository import load_detector
from service.runtime import Device
from tests import frames
from tests.scenes import make_scene

BODIES = [frames.png(make_scene(seed, 256, 256).counts(8)) for seed in range(16)]
REQUESTS = [detect("256x256 png", body, "image/png", "mask=png") for body in BODIES]


@dataclass(frozen=True, slots=True)
class Rounds:
    """Milliseconds of CPU a request, round by round."""

    served_ms: list[float]
    work_ms: list[float]

    @property
    def beyond_ms(self) -> list[float]:
        """What the service adds."""
        return [served - work for served, work in zip(self.served_ms, self.work_ms, strict=True)]


def compare(served: Served, model: Path, cores: Collection[int], rounds: int, requests: int) -> Rounds:
    """Rounds of ``requests`` through the server, each followed by as many in this process.

    Raises:
        ValueError: the two do not give the same answers, so there is nothing to subtract.
    """
    with pinned(cores):
        detector = load_detector(model, Device.AUTO)
    _check_alike(served.address, detector)
    found = Rounds([], [])
    for _ in range(rounds):
        began = cpu_seconds(served.process.pid)
        uvloop.run(ask_in_turn(served.address, REQUESTS, requests))
        found.served_ms.append(1e3 * (cpu_seconds(served.process.pid) - began) / requests)
        with pinned(cores):
            found.work_ms.append(1e3 * _work_seconds(detector, requests) / requests)
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


def _work_seconds(detector: Detector, number: int) -> float:
    began = time.process_time()
    for index in range(number):
        _work(detector, BODIES[index % len(BODIES)])
    return time.process_time() - began


def _work(detector: Detector, body: bytes) -> bytes:
    """Bytes to bytes, as the service makes them."""
    (frame,) = decode(body, "image/png", Budget(max_frames=64, max_pixels=4_194_304))
    if isinstance(frame, ServiceError):
        raise frame
    entry = describe_detection(0, detector.detect(frame, Options()), MaskEncoding.PNG)
    answer = {"model": describe_model(detector), "frames": [entry]}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def _check_alike(address: Address, detector: Detector) -> None:
    for body, request in zip(BODIES, REQUESTS, strict=True):
        served = json.loads(uvloop.run(ask_in_turn(address, [request], 1)))
        if {name: served[name] for name in ("model", "frames")} != json.loads(_work(detector, body)):
            raise ValueError("the server answers differently than the same stages do here")
