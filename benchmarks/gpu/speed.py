"""Times of all contenders at one shape.

Contenders that fit into the device's memory together take turns, so that a slow moment meets all of them. Where they do
not fit, and wherever one of them fails, each is prepared and timed by itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import torch

from benchmarks.gpu.contenders import Frames, Prepare, contenders, give_memory_back
from benchmarks.gpu.models import Models
from benchmarks.gpu.schedule import Schedule, one_line
from export.bench.cases import Case, Shape, frames
from export.bench.floor import Floor, find_floors
from export.bench.timing import Clients, Plan, Timing, measure, warm_up
from export.onnx.graph import Precision
from service.runtime import Device, Runtime

BYTES_PER_PIXEL: Final = {"fp32": 512, "fp16": 256}  # that one contender holds: an estimate
SHARE: Final = 0.5  # of the free memory: allocators grow in steps, and the search for kernels needs memory too
TURNS: Final = 3


@dataclass(frozen=True, slots=True)
class Speed:
    """One contender at one shape.

    Attributes:
        timing: None where it could not be timed; ``fault`` says why.
        floor: what the device's bandwidth and arithmetic allow.
    """

    contender: str
    precision: Precision
    shape: Shape
    timing: Timing | None
    fault: str
    floor: Floor


Times = dict[str, tuple[Timing | None, str]]  # by contender: its timing, or why there is none


def measure_speeds(
    models: Models, device: Device, shapes: list[Shape], seconds: float, schedule: Schedule
) -> Iterator[Speed]:
    """Every contender in both precisions at every shape, for so many seconds each."""
    floors: dict[Precision, list[Floor]] = {}
    for index, shape in enumerate(shapes):
        for precision, file in models.files.items():
            if not schedule.may_begin(f"speed of {precision}, {shape.size}, batch {shape.batch}"):
                continue
            if precision not in floors:
                _, floors[precision] = find_floors(Runtime(file, device), shapes)
            ways = contenders(models, precision, device, shape)
            together = fits(len(ways), precision, shape, free_memory(device))
            for contender, (timing, fault) in time_contenders(ways, shape, seconds, together).items():
                yield Speed(contender, precision, shape, timing, fault, floors[precision][index])


def fits(contenders: int, precision: Precision, shape: Shape, free: float) -> bool:
    """Whether so many may be ready at the same time in ``free`` bytes."""
    pixels = shape.width * shape.height * shape.batch
    return contenders * BYTES_PER_PIXEL[precision] * pixels <= SHARE * free


def time_contenders(ways: Mapping[str, Prepare], shape: Shape, seconds: float, together: bool) -> Times:
    """In turns if they fit ``together``; those that fail there once more, each by itself."""
    times: Times = {}
    if together:
        times = _in_turns(ways, shape, seconds)
        give_memory_back()
    for name, prepare in ways.items():
        if name not in times or times[name][0] is None:
            times |= _in_turns({name: prepare}, shape, seconds)
            give_memory_back()
    return {name: times[name] for name in ways}


def _in_turns(ways: Mapping[str, Prepare], shape: Shape, seconds: float) -> Times:
    """Prepare all, warm up all, then time them in turns; a fault while they are timed leaves all without a timing."""
    intensities = frames(shape).astype(np.float32)[:, None]
    cases: dict[str, Case] = {}
    times: Times = {}
    with Clients() as client:
        for name, prepare in ways.items():
            try:
                cases[name] = _ready(prepare, shape, intensities, client)
            except Exception as error:  # every library has its own
                times[name] = None, one_line(error)
            if name in times:  # the thread of the client holds what failed until it runs something else
                client.each(give_memory_back)
        try:
            timings = measure(list(cases.values()), Plan(seconds, TURNS), client)
        except Exception as error:
            return times | dict.fromkeys(cases, (None, one_line(error)))
    return times | {name: (timing, "") for name, timing in zip(cases, timings, strict=True)}


def _ready(prepare: Prepare, shape: Shape, intensities: Frames, client: Clients) -> Case:
    """Warm up in the thread that times the contender, since ONNX Runtime captures a CUDA graph for each thread."""
    answer = prepare(shape)

    def call() -> None:
        answer(intensities)

    case = Case(shape, lambda: nullcontext(call))
    warm_up(case, client)
    return case


def free_memory(device: Device) -> float:
    """Bytes of the GPU; the memory of a CPU is not counted."""
    return torch.cuda.mem_get_info()[0] if device is Device.CUDA else inf
