"""What users meet at one load: goodput, latency, refusals, health."""

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
LATE_S = 0.5  # an answer that comes so long after its deadline is late
RETRY_AFTER = re.compile("[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Measured:
    """One load for a while.

    Attributes:
        share: of the capacity.
        goodput: answers with 200 a second, of those that came while the load lasted.
        p50_ms, p99_ms: latency of the answers with 200, from when they were due to be sent.
        bare_refusals: 429 without a whole number of seconds, at least one, in ``Retry-After``.
        late: answers more than half a second after the request's deadline.
        overrun_ms: the longest after its deadline; negative where all kept it.
        behind_p99_ms: how far the generator itself was behind.
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
        """Promises that were not kept."""
        allowed = {"200", "429"} | ({"504"} if self.timeout_ms else set())
        faults = [f"{count} x {result}" for result, count in self.answers.items() if result not in allowed]
        faults += [f"{count} x {result} of /livez" for result, count in self.livez_answers.items() if result != "200"]
        faults += [f"{self.bare_refusals} x 429 without Retry-After"] if self.bare_refusals else []
        faults += [f"{self.late} answers after their deadline"] if self.late else []
        return [f"at {self.share:.0%}: {fault}" for fault in faults]


async def measure(
    address: Address, capacity: float, share: float, seconds: float, seed: int, timeout_ms: float | None = None
) -> Measured:
    """Poisson arrivals at ``share`` of ``capacity``, with /livez asked meanwhile."""
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
    """Figures of what came of the requests and of the questions for health."""
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
