"""What a request held is free when it is over, however long the device is busy with others."""

import asyncio
import time
import tracemalloc
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from service.api.detect.query import DetectQuery, MediaType
from service.api.detect.work import Part, read_work
from service.detection.description import MaskEncoding
from service.detection.detector import Detector
from service.detection.options import Options
from service.engine.admission import Places
from service.engine.engine import Engine
from service.engine.work import Plan, Work
from service.errors import Reason, ServiceError
from service.frames import Budget
from service.observability.metrics import Metrics
from service.observability.timing import Timing
from service.runtime import Device, Runtime
from service.settings import Settings
from tests.support.frames import png

QUERY = DetectQuery.model_validate({"mask": MaskEncoding.NONE})

SIDE, REQUESTS = 1024, 12
WAITED_S = 0.4  # a frame is read in less
FRAME_BYTES = SIDE * SIDE * np.dtype(np.float32).itemsize


class Held(Runtime):
    """Runs end when they are let."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Device.CPU)
        self.begun, self.go_on = Event(), Event()

    def probabilities(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        self.begun.set()
        assert self.go_on.wait(60)
        return super().probabilities(intensities)


async def ask(engine: Engine, detector: Detector, seconds: float) -> Reason | None:
    """One frame, and why it was not answered."""
    timing = Timing()
    plan = Plan(detector, Options(), timing.began + seconds)
    frame = np.zeros((SIDE, SIDE), np.uint8)
    frame[::64] = 200

    def read(budget: Budget) -> Work[bytes]:
        return read_work([Part(png(frame), None, None, None)], plan, MediaType.JSON, QUERY, budget)

    try:
        with Places(engine.admission) as places:
            await engine.answer(read, places, timing, plan.deadline)
    except ServiceError as fault:
        return fault.reason
    return None


async def ask_in_vain(engine: Engine, detector: Detector, runtime: Held) -> tuple[list[Reason | None], float]:
    """What requests that nobody answers were told, and the bytes that they have left behind."""
    first = asyncio.create_task(ask(engine, detector, 120))
    await asyncio.to_thread(runtime.begun.wait, 30)
    reasons = [await ask(engine, detector, WAITED_S)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        reasons += [await ask(engine, detector, WAITED_S) for _ in range(REQUESTS)]
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    runtime.go_on.set()
    assert await first is None
    return reasons, left


def test_frames_of_requests_that_are_over_do_not_wait_for_the_device(brightness_model: Path) -> None:
    runtime = Held(brightness_model)
    engine = Engine(Settings(_env_file=None), Metrics())  # type: ignore[call-arg]
    reasons, left = asyncio.run(ask_in_vain(engine, Detector(runtime), runtime))
    engine.close()
    assert reasons == [Reason.DEADLINE_EXCEEDED] * (1 + REQUESTS)
    assert left < REQUESTS * FRAME_BYTES / 2, (
        "a frame each is left behind"
    )  # the latest few still are: threads hold them


@pytest.mark.parametrize("seconds", [0.0, 0.002])
def test_a_request_that_is_over_while_it_is_read_never_reaches_the_device(
    brightness_model: Path, seconds: float
) -> None:
    runtime = Held(brightness_model)
    runtime.go_on.set()
    engine = Engine(Settings(_env_file=None), Metrics())  # type: ignore[call-arg]
    assert asyncio.run(ask(engine, Detector(runtime), seconds)) is Reason.DEADLINE_EXCEEDED
    time.sleep(0.5)  # a frame is read in less
    assert not runtime.begun.is_set()
    engine.close()
