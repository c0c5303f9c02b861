"""SIGTERM under load: every accepted request must be answered."""

import asyncio
import collections
import time
from dataclasses import dataclass
from itertools import takewhile

from benchmarks.serving.clients.arrivals import Outcome, open_loop, poisson
from benchmarks.serving.clients.requests import standard
from benchmarks.serving.servers.start import Served

ENDLESS_S = 600.0
EXIT_WITHIN_S = 60.0
ALLOWED = ("200", "429", "503", "refused", "lost")


@dataclass(frozen=True, slots=True)
class Stop:
    """One SIGTERM under load.

    Attributes:
        before, after: results of the requests that were sent before the signal and after it.
        lost: requests without an answer, although the server had accepted their connection.
        lost_from_s, lost_to_s: when the first and the last lost request were sent, counted from the signal.
        early: requests that were refused or answered with 503 before the drain delay had passed.
        ended_after_s: time from the signal to the end of the process.
    """

    drain_delay_s: float
    before: dict[str, int]
    after: dict[str, int]
    lost: int
    lost_from_s: float | None
    lost_to_s: float | None
    early: int
    exit_code: int
    ended_after_s: float

    def broken(self) -> list[str]:
        """Broken promises, a line each."""
        faults = [f"{self.lost} requests lost"] if self.lost else []
        faults += [f"{self.early} requests turned away too early"] if self.early else []
        unexpected = {result for result in (*self.before, *self.after) if result not in ALLOWED}
        faults += [f"answered with {result}" for result in sorted(unexpected)]
        faults += [f"exit code {self.exit_code}"] if self.exit_code else []
        return [f"drain delay {self.drain_delay_s:g} s: {fault}" for fault in faults]


async def stop_under_load(served: Served, rate: float, load_s: float, drain_delay_s: float, seed: int) -> Stop:
    """Load the server, stop it, and go on sending requests until the process has ended.

    Args:
        rate: requests a second, each on a connection of its own.
        load_s: seconds before the signal.
        drain_delay_s: the server's setting.
    """
    outcomes: list[Outcome] = []
    arrivals = takewhile(lambda _: served.process.poll() is None, poisson(rate, ENDLESS_S, standard("none"), seed))
    load = asyncio.create_task(open_loop(served.address, arrivals, outcomes.append))
    await asyncio.sleep(load_s)
    signalled = time.monotonic()
    served.process.terminate()
    exit_code = await asyncio.to_thread(served.process.wait, EXIT_WITHIN_S)
    ended = time.monotonic()
    await load
    after = [one for one in outcomes if one.sent >= signalled]
    lost = [one.sent - signalled for one in outcomes if one.result == "lost"]
    return Stop(
        drain_delay_s=drain_delay_s,
        before=dict(collections.Counter(one.result for one in outcomes if one.sent < signalled)),
        after=dict(collections.Counter(one.result for one in after)),
        lost=len(lost),
        lost_from_s=min(lost, default=None),
        lost_to_s=max(lost, default=None),
        early=sum(_is_early(one, signalled + drain_delay_s) for one in outcomes),
        exit_code=exit_code,
        ended_after_s=ended - signalled,
    )


def _is_early(outcome: Outcome, drained: float) -> bool:
    """Whether the server turned a request away before the drain delay had passed."""
    return outcome.ended < drained and outcome.result in ("refused", "503")
