"""Decodes containers in a process of its own, and measures each."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.serving.servers.process import cpu_seconds
from service.errors import ServiceError
from service.frames import Budget, Frame, decode
from tests.attacks.containers.forms import container

MOST_SECONDS: Final = 2.0  # of CPU of a thread
MOST_MB: Final = 256.0  # beyond the pixels
STUCK_S: Final = 20.0  # of CPU
BYTES_A_PIXEL: Final = 8  # of the largest type of counts
NAMED: Final = 20  # files in a list
LOOKED_AT_EVERY: Final = 500  # containers
GROWTH_MB: Final = 60.0
STATUS, CLEAR_REFS, RESET_PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs"), "5"


class Cost(NamedTuple):
    """What decoding one container took.

    ``outcome`` is ``frame``, the reason of its fault, or the name of a bug; ``megabytes`` are those beyond its pixels
    at the peak, ``resident`` those of the process afterwards.
    """

    seed: int
    outcome: str
    seconds: float
    megabytes: float
    resident: float


NONE: Final = Cost(-1, "", 0.0, 0.0, 0.0)


@dataclass(slots=True)
class Fuzzed:
    """What came of a format's containers; ``costly`` and ``faults`` name their seeds."""

    form: str
    count: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    slowest: Cost = NONE
    largest: Cost = NONE
    costly: list[Cost] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)

    @property
    def has_grown(self) -> bool:
        """Whether a decoder keeps memory: the least of the last third is far above the most of the first third."""
        third = len(self.resident) // 3
        return third > 0 and min(self.resident[-third:]) > max(self.resident[:third]) + GROWTH_MB

    @property
    def failed(self) -> bool:
        return bool(self.costly or self.faults or self.has_grown)

    def add(self, cost: Cost) -> None:
        """Take one container into account."""
        self.count += 1
        self.outcomes[cost.outcome] = self.outcomes.get(cost.outcome, 0) + 1
        if self.count % LOOKED_AT_EVERY == 0:
            self.resident.append(cost.resident)
        self.slowest = max(self.slowest, cost, key=lambda one: one.seconds)
        self.largest = max(self.largest, cost, key=lambda one: one.megabytes)
        if (cost.seconds > MOST_SECONDS or cost.megabytes > MOST_MB) and len(self.costly) < NAMED:
            self.costly.append(cost)
        if cost.outcome.startswith("bug") and len(self.faults) < NAMED:
            self.faults.append(f"{self.form}, seed {cost.seed}: {cost.outcome}")

    def row(self) -> Sequence[object]:
        """For the table."""
        frames = self.outcomes.get("frame", 0)
        costs = 1e3 * self.slowest.seconds, self.largest.megabytes
        memory = (self.resident[0], self.resident[-1]) if self.resident else (None, None)
        return self.form, self.count, frames, self.count - frames, *costs, *memory


class CountedBudget(Budget):
    """A budget that knows how many pixels were asked for, within its limits."""

    pixels = 0

    def take(self, width: int, height: int) -> None:
        super().take(width, height)
        self.pixels += width * height


def fuzz(form: str, seeds: range) -> Fuzzed:
    """Decode the containers of all seeds. A process that ends or does not answer is a fault; another one goes on."""
    found = Fuzzed(form)
    while len(seeds):
        for cost in costs(form, seeds):
            found.add(cost)
            seeds = range(cost.seed + 1, seeds.stop)
        if len(seeds):
            found.faults.append(f"{form}, seed {seeds.start}: the process ended, or took {STUCK_S:.0f} s of CPU")
            seeds = seeds[1:]
    return found


def costs(form: str, seeds: range) -> Iterator[Cost]:
    """The cost of each container, until the process that decodes them ends or is stuck."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_decode_all, args=(form, seeds, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        while _answers(ours, process.pid or 0):
            yield Cost(*ours.recv())
    except EOFError:
        pass
    finally:
        process.kill()
        process.join()


def _answers(results: Connection, process: int) -> bool:
    """Wait for a result, for as long as the process has not used too much CPU for it; a machine may be busy."""
    began = cpu_seconds(process)
    while not results.poll(1):
        if cpu_seconds(process) - began > STUCK_S:
            return False
    return True


def _decode_all(form: str, seeds: range, results: Connection) -> None:
    measure(container(form, seeds.start))  # imports are not part of the first one's cost
    for seed in seeds:
        results.send((seed, *measure(container(form, seed))))


def measure(body: bytes) -> tuple[str, float, float, float]:
    """The fields of a ``Cost`` without its seed."""
    budget = CountedBudget()
    CLEAR_REFS.write_text(RESET_PEAK)
    before = megabytes_of_this("VmRSS")
    began = time.thread_time()
    outcome = _outcome(body, budget)
    seconds = time.thread_time() - began
    beyond = megabytes_of_this("VmHWM") - before - budget.pixels * BYTES_A_PIXEL / 1e6
    return outcome, seconds, max(0.0, beyond), megabytes_of_this("VmRSS")


def _outcome(body: bytes, budget: Budget) -> str:
    try:
        found = decode(body, None, budget)
    except ServiceError as fault:
        return fault.reason.value
    except Exception as error:  # any other exception would be answered with 500
        return f"bug: {type(error).__name__}: {error}"
    return "frame" if any(isinstance(one, Frame) for one in found) else "undecodable_frame"


def megabytes_of_this(name: str) -> float:
    text = STATUS.read_text()
    return int(text.split(f"{name}:", 1)[1].split(None, 1)[0]) * 1024 / 1e6
