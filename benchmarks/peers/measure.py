"""One load on a running server, and the bare loop that is the bound."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import uvloop

from benchmarks.peers import processes
from benchmarks.peers.contenders import PROGRAMS
from benchmarks.peers.generate import apply, closed_loop
from benchmarks.peers.loads import Body, Input, Load
from benchmarks.peers.runs import LATER_S, OBJECTIVE_S, SOON_S, Run, Start, figures
from benchmarks.peers.session import Failed, Server, environment, is_right
from benchmarks.serving.clients.arrivals import Outcome
from benchmarks.serving.clients.requests import Request
from benchmarks.serving.report import median, quantile
from benchmarks.serving.servers.cores import pinned
from benchmarks.serving.servers.process import cpu_seconds

BOUND: Final = "bare loop"
LOOP: Final = "loop"
WARM_CLIENTS: Final = 2
BOUND_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of a load, of its warm-up, and of idling; ``most_others`` is what other programs may take of the core."""

    seconds: float
    warm_up: float
    idle: float
    most_others: float


@dataclass(frozen=True, slots=True)
class Questions:
    """The frames of an input, and what this service answers to them."""

    bodies: Sequence[Body]
    expected: Sequence[Any]

    def requests(self, server: Server) -> list[Request]:
        """Requests whose names are the numbers of the frames."""
        return [replace(server.contender.request(body), name=str(k)) for k, body in enumerate(self.bodies)]


def measure(
    server: Server, load: Load, questions: Questions, rate: float, times: Times, core: int, seed: int
) -> dict[str, Any]:
    """Warm up and measure; the figures of a ``Run``."""
    requests = questions.requests(server)
    uvloop.run(closed_loop(server.address, requests, WARM_CLIENTS, times.warm_up))
    begin = processes.Moment.now(server.mark, core)
    outcomes = uvloop.run(apply(server.address, load, requests, rate, times.seconds, seed))
    end = processes.Moment.now(server.mark, core)
    judged = [_judged(one, server, questions) for one in outcomes]
    others = end.others(begin)
    found = figures(judged, load, times.seconds, end.own_s - begin.own_s)
    return found | {"others": others, "disturbed": others > times.most_others}


def _judged(outcome: Outcome, server: Server, questions: Questions) -> Outcome:
    """The outcome ``wrong`` if it has other targets than this service finds."""
    if outcome.result != "200" or outcome.answer is None:
        return outcome
    right = is_right(server.contender, outcome.answer, questions.expected[int(outcome.request.name)])
    return outcome if right else replace(outcome, result="wrong")


def idle_share(server: Server, seconds: float) -> float:
    """CPU of a server that nobody asks, as a share of a core."""
    server.settle()
    began, pids = time.monotonic(), processes.pids(server.mark)
    before = sum(cpu_seconds(pid) for pid in pids)
    time.sleep(seconds)
    return (sum(cpu_seconds(pid) for pid in pids) - before) / (time.monotonic() - began)


def measure_bound(number: int, kind: Input, times: Times, core: int) -> tuple[Run, Start]:
    """The same work without a server.

    Raises:
        Failed: the program ended with a fault.
    """
    mark, bodies = uuid4().hex, kind.bodies()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(k) for k in range(len(bodies))]
        for file, body in zip(files, bodies, strict=True):
            file.write_bytes(body.content)
        sides = (str(bodies[0].width), str(bodies[0].height))
        program = (sys.executable, "-m", f"{PROGRAMS}.bare_loop", str(time.monotonic()), str(times.seconds), *sides)
        with pinned({core}):
            made = subprocess.run(
                (*program, *map(str, files)),
                env=environment({}, mark, Path(folder)),
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=BOUND_WITHIN_S,
            )
    if made.returncode:
        raise Failed(made.stderr.strip().rpartition("\n")[2])
    return _of_bound(number, kind, json.loads(made.stdout), times)


def _of_bound(number: int, kind: Input, found: Any, times: Times) -> tuple[Run, Start]:
    took = found["took_ms"]
    rate = len(took) / found["wall_s"]
    disturbed = found["others"] > times.most_others
    run = Run(
        number,
        BOUND,
        kind.name,
        LOOP,
        answers=rate,
        within_500_ms=sum(one <= 1e3 * SOON_S for one in took) / found["wall_s"],
        within_1_s=sum(one <= 1e3 * OBJECTIVE_S for one in took) / found["wall_s"],
        within_2_s=sum(one <= 1e3 * LATER_S for one in took) / found["wall_s"],
        p50_ms=median(took),
        p99_ms=quantile(took, 0.99),
        sent=len(took),
        cpu_ms=1e3 * found["cpu_s"] / len(took),
        others=found["others"],
        disturbed=disturbed,
    )
    return run, Start(
        number, BOUND, kind.name, found["ready_after_s"], found["begin_mb"], None, found["end_mb"], disturbed
    )
