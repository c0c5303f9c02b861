"""Ways to run the network, timed in turns at one shape: as many at once as the device has memory for."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.gpu.contenders import Answer, Frames, release
from benchmarks.gpu.speeds import OURS
from export.bench.cases import Case, Shape, frames
from export.bench.timing import Clients, Plan, Timing, measure, warm_up
from export.onnx.graph import Precision

BYTES_A_PIXEL: Final = {"fp32": 512, "fp16": 256}  # that one way holds, about
SHARE: Final = 0.5  # of the free memory: arenas grow in steps, and searching for kernels takes some
Ways = dict[str, Callable[[Shape], Answer]]


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of one way; ``fault`` is why there is no timing.

    Attributes:
        beside: frames a second of ours in the same turns; None if it was timed alone.
    """

    timing: Timing | None
    fault: str
    beside: float | None


def at_once(free: float, precision: Precision, shape: Shape) -> int:
    """How many ways may be ready at the same time; one always may try."""
    needed = BYTES_A_PIXEL[precision] * shape.width * shape.height * shape.batch
    return int(max(1, min(SHARE * free / needed, 1000)))


def groups(names: Sequence[str], number: int) -> Iterator[list[str]]:
    """So many at once, ours in each of them where there is room for two."""
    others = [name for name in names if name != OURS]
    if number >= len(names):
        yield list(names)
    elif number == 1 or OURS not in names:
        yield from ([*names[start : start + number]] for start in range(0, len(names), number))
    else:
        yield from ([OURS, *others[start : start + number - 1]] for start in range(0, len(others), number - 1))


def in_turns(ways: Ways, shape: Shape, seconds: float) -> dict[str, Turn]:
    """One that has no memory for the shape, or cannot run it, says so in place of a timing."""
    intensities = frames(shape).astype(np.float32)[:, None]
    cases: dict[str, Case] = {}
    faults: dict[str, str] = {}
    with Clients() as client:
        for how, prepare in ways.items():
            try:
                cases[how] = ready(prepare, shape, intensities, client)
            except Exception as error:  # every library has its own
                faults[how] = told(error)
            if how in faults:  # what it held is free now, for the next; there, or the thread may still know of it
                client.each(give_back)
        timings, broken = timed(cases, Plan(seconds), client)
    ours = timings[OURS].frames_per_second if OURS in timings and len(timings) > 1 and not broken else None
    faults |= broken
    return {how: Turn(timings.get(how), faults.get(how, ""), ours if how in timings else None) for how in ways}


def timed(cases: dict[str, Case], plan: Plan, client: Clients) -> tuple[dict[str, Timing], dict[str, str]]:
    """Timings in turns; where one breaks, each by itself tells which, and why."""
    try:
        return dict(zip(cases, measure(list(cases.values()), plan, client), strict=True)), {}
    except Exception:
        timings, broken = dict[str, Timing](), dict[str, str]()
    for how, case in cases.items():
        try:
            timings |= {how: measure([case], plan, client)[0]}
        except Exception as error:
            broken[how] = told(error)
    return timings, broken


def told(error: Exception) -> str:
    """One line of it."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def ready(prepare: Callable[[Shape], Answer], shape: Shape, intensities: Frames, client: Clients) -> Case:
    """Prepared and warm; the frames are there before the clock starts."""
    answer = prepare(shape)

    def call() -> None:
        answer(intensities)

    case = Case(shape, lambda: nullcontext(call))
    warm_up(case, client)
    return case


def give_back() -> None:
    """Of memory, what nobody holds any more."""
    gc.collect()
    release()
