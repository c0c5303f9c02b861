"""New model files under load: no request fails, and no old model answers after a newer one has answered."""

import asyncio
import collections
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from benchmarks.serving.clients.arrivals import Outcome, open_loop, poisson
from benchmarks.serving.clients.http_client import Address
from benchmarks.serving.clients.requests import standard
from benchmarks.serving.report import quantile
from benchmarks.serving.servers.model_versions import write_version

TAKEN_UP_WITHIN_S = 60.0
LOOK_EVERY_S = 0.01
ENDLESS_S = 3600.0


@dataclass(frozen=True, slots=True)
class Reloads:
    """Answers while the model file was replaced.

    Attributes:
        versions: number of answers by the version that they name.
        stale: answers of an older version than had already answered when the request was sent.
        taken_up_s: from writing each file to the first answer that names its version.
        p99_ms: latency of all answers.
    """

    results: dict[str, int]
    versions: dict[str, int]
    stale: int
    taken_up_s: list[float]
    p99_ms: float | None

    def broken(self) -> list[str]:
        """Broken promises, a line each."""
        faults = [f"{count} x {result}" for result, count in self.results.items() if result != "200"]
        return faults + ([f"{self.stale} answers of an old version"] if self.stale else [])


async def reload_under_load(address: Address, folder: Path, rate: float, reloads: int, pause_s: float) -> Reloads:
    """Write version 2, 3, ... over version 1 while requests come.

    Raises:
        TimeoutError: a version was not taken up within a minute.
    """
    outcomes: list[Outcome] = []
    done = asyncio.Event()
    arrivals = takewhile(lambda _: not done.is_set(), poisson(rate, ENDLESS_S, standard("none"), seed=0))
    load = asyncio.create_task(open_loop(address, arrivals, outcomes.append))
    taken_up = []
    try:
        for version in range(2, reloads + 2):
            await asyncio.sleep(pause_s)
            began = time.monotonic()
            await asyncio.to_thread(write_version, folder, version)
            taken_up.append(await _first_answer(outcomes, version) - began)
        await asyncio.sleep(pause_s)
    finally:
        done.set()
        await load
    return judge(outcomes, taken_up)


async def _first_answer(outcomes: list[Outcome], version: int) -> float:
    looked_at = 0
    async with asyncio.timeout(TAKEN_UP_WITHIN_S):
        while True:
            for one in outcomes[looked_at:]:
                if _version(one) == version:
                    return one.ended
            looked_at = len(outcomes)
            await asyncio.sleep(LOOK_EVERY_S)


def judge(outcomes: Sequence[Outcome], taken_up: list[float]) -> Reloads:
    """Figures from the versions that the answers name."""
    answered = [(_version(one), one) for one in outcomes if one.result == "200"]
    first: dict[int, float] = {}
    for version, one in answered:
        first[version] = min(first.get(version, math.inf), one.ended)
    return Reloads(
        results=dict(collections.Counter(one.result for one in outcomes)),
        versions=dict(collections.Counter(str(version) for version, _ in answered)),
        stale=sum(
            any(newer > version and seen < one.sent for newer, seen in first.items()) for version, one in answered
        ),
        taken_up_s=taken_up,
        p99_ms=quantile([1e3 * (one.ended - one.due) for _, one in answered], 0.99),
    )


def _version(outcome: Outcome) -> int:
    """The version that an answer names; 0 without an answer of status 200."""
    if outcome.answer is None or outcome.answer.status != 200:
        return 0
    return int(json.loads(outcome.answer.body)["model"]["version"])
