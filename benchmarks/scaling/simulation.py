"""Requests, pods and the autoscaler, second by second. Requests have exact times; scrapes fall on whole seconds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from benchmarks.scaling.autoscaler import SYNC_EVERY_S, Autoscaler, Rule
from benchmarks.scaling.pod import SCRAPE_EVERY_S, Pod


class Step(NamedTuple):
    """A load: so many seconds long, ``rate`` requests a second on average (Poisson)."""

    seconds: float
    rate: float


class Second(NamedTuple):
    """What happened within a second: pods that were asked for and that took requests, latencies in seconds, 429s."""

    desired: int
    ready: int
    latencies: list[float]
    refused: int


@dataclass(slots=True)
class Cluster:
    """Pods behind a Service, which sends each request to any of the ready ones.

    Args:
        service_s: measured seconds of a request on one core; each request takes one of them by chance.
        start_s: from the decision to the first request.
    """

    service_s: Sequence[float]
    start_s: float
    rng: np.random.Generator
    pods: list[Pod] = field(default_factory=list)
    ended: list[Pod] = field(default_factory=list)

    def resize(self, now: float, pods: int) -> None:
        """Start pods, or end the newest ones. A pod that ends takes no request and finishes what it has."""
        while len(self.pods) < pods:
            ready = now + self.start_s if now else 0.0
            self.pods.append(Pod(ready, ready + self.rng.uniform(0, SCRAPE_EVERY_S) // 1))
        self.ended += self.pods[pods:]
        del self.pods[pods:]

    def ready(self, now: float) -> list[Pod]:
        """The pods that take requests."""
        return [pod for pod in self.pods if pod.ready_at <= now]

    def scrape(self, now: float) -> list[Pod]:
        """Scrape every pod. Returns those that have samples."""
        for pod in self.pods:
            pod.scrape(now)
        for pod in self.ended:
            pod.forget(now)
        self.ended = [pod for pod in self.ended if pod.samples]
        return [*self.pods, *self.ended]

    def send(self, now: float, rate: float, seconds: float = 1.0) -> tuple[list[float], int]:
        """The latencies of the requests that begin within the next seconds, and the number of refusals."""
        ready = self.ready(now)
        times = np.sort(self.rng.uniform(now, now + seconds, self.rng.poisson(rate * seconds)))
        chosen = self.rng.integers(len(ready), size=len(times))
        taken = self.rng.choice(self.service_s, size=len(times))
        answers = [
            ready[pod].accept(float(time), float(service))
            for time, pod, service in zip(times, chosen, taken, strict=True)
        ]
        latencies = [answer for answer in answers if answer is not None]
        return latencies, len(answers) - len(latencies)


def simulate(
    steps: Sequence[Step], rule: Rule, service_s: Sequence[float], start_s: float, seed: int
) -> Iterator[Second]:
    """Every second of a load, which begins with the fewest pods."""
    cluster, autoscaler = Cluster(service_s, start_s, np.random.default_rng(seed)), Autoscaler(rule)
    desired = rule.fewest
    cluster.resize(0, desired)
    for now, rate in enumerate(rate for step in steps for rate in [step.rate] * int(step.seconds)):
        scraped = cluster.scrape(now)
        ready = len(cluster.ready(now))
        if now and now % SYNC_EVERY_S == 0:
            desired = autoscaler.decide(now, desired, ready, scraped)
            cluster.resize(now, desired)
        yield Second(desired, len(cluster.ready(now)), *cluster.send(now, rate))
