"""One load for a while: goodput, latency, refusals, and the answers of /livez meanwhile."""

import asyncio
import collections
import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving.clients.arrivals import Outcome, evenly, open_loop, poisson
from benchmarks.serving.clients.http_client import Address
from benchmarks.serving.clients.requests import LIVEZ, standard
from benchmarks.serving.report import median, quantile

PROBES = 20.0  # of /livez, a second
REQUEST_TIMEOUT_S = 30.0  # the server's default
LATE_S = 0.5  # an answer counts as late from so many seconds after its deadline on
RETRY_AFTER = re.compile("[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one load.

    Attributes:
        share: of the capacity.
        goodput: answers of status 200 a second; those that came after the end of the load do not count.
        p50_ms, p99_ms: latency of the answers of status 200, from the time when the request was due.
        bare_refusals: answers of status 429 whose ``Retry-After`` is not a whole number of seconds, at least 1.
        late: answers more than half a second after the request's deadline.
        overrun_ms: the latest answer, counted from its deadline; negative if all answers were in time.
        behind_p99_ms: by how much the load generator sent requests late.
    """

    share: float
    timeout_ms: float | None
    offered: float
    goodput: float
    p50_ms: float | None
    p99_ms: float | None
    answers: dict[str, int]
    bare_refusals: int
    late: int
    overrun_ms: float | None
    livez_p50_ms: float | None
    livez_p99_ms: float | None
    livez_longest_ms: float | None
    livez_answers: dict[str, int]
    behind_p99_ms: float | None

    def broken(self) -> list[str]:
        """Broken promises, a line each."""
        allowed = {"200", "429"} | ({"504"} if self.timeout_ms else set())
        faults = [f"{count} x {result}" for result, count in self.answers.items() if result not in allowed]
        faults += [f"{count} x {result} of /livez" for result, count in self.livez_answers.items() if result != "200"]
        faults += [f"{self.bare_refusals} x 429 without Retry-After"] if self.bare_refusals else []
        faults += [f"{self.late} answers after their deadline"] if self.late else []
        return [f"at {self.share:.0%}: {fault}" for fault in faults]


async def measure(
    address: Address, capacity: float, share: float, seconds: float, seed: int, timeout_ms: float | None = None
) -> Measured:
    """Send Poisson arrivals at ``share`` of ``capacity``, and probe /livez meanwhile."""
    outcomes: list[Outcome] = []
    probes: list[Outcome] = []
    arrivals = list(poisson(share * capacity, seconds, standard(timeout_ms=timeout_ms), seed))
    await asyncio.gather(
        open_loop(address, arrivals, outcomes.append), open_loop(address, evenly(PROBES, seconds, LIVEZ), probes.append)
    )
    return judge(outcomes, probes, share, seconds, timeout_ms)


def judge(
    outcomes: Sequence[Outcome], probes: Sequence[Outcome], share: float, seconds: float, timeout_ms: float | None
) -> Measured:
    """Figures from the outcomes of the requests and of the probes of /livez."""
    end = min((one.due for one in outcomes), default=0.0) + seconds
    good = [one for one in outcomes if one.result == "200"]
    latencies, health = _latencies(good), _latencies(probes)
    overruns = [one.ended - one.sent - (timeout_ms / 1e3 if timeout_ms else REQUEST_TIMEOUT_S) for one in outcomes]
    return Measured(
        share=share,
        timeout_ms=timeout_ms,
        offered=len(outcomes) / seconds,
        goodput=sum(one.ended < end for one in good) / seconds,
        p50_ms=median(latencies),
        p99_ms=quantile(latencies, 0.99),
        answers=dict(collections.Counter(one.result for one in outcomes)),
        bare_refusals=sum(_is_bare(one) for one in outcomes),
        late=sum(overrun > LATE_S for overrun in overruns),
        overrun_ms=max((1e3 * overrun for overrun in overruns), default=None),
        livez_p50_ms=median(health),
        livez_p99_ms=quantile(health, 0.99),
        livez_longest_ms=max(health, default=None),
        livez_answers=dict(collections.Counter(one.result for one in probes)),
        behind_p99_ms=quantile([1e3 * (one.sent - one.due) for one in outcomes], 0.99),
    )


def _latencies(outcomes: Sequence[Outcome]) -> list[float]:
    return [1e3 * (one.ended - one.due) for one in outcomes]


def _is_bare(outcome: Outcome) -> bool:
    if outcome.answer is None or outcome.answer.status != 429:
        return False
    return RETRY_AFTER.fullmatch(outcome.answer.headers.get("retry-after", "")) is None
