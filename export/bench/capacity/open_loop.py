"""Requests at times that do not depend on the answers, as independent users send them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import numpy as np

Send = Callable[[], Awaitable[bool]]  # whether the request was answered; False if the server refused it


@dataclass(frozen=True, slots=True)
class Load:
    """What became of the requests of one rate.

    Attributes:
        rate: requests a second, on average.
        latencies: seconds of those that were answered, from the time when each was due.
        refused: number of the others.
    """

    rate: float
    latencies: tuple[float, ...]
    refused: int

    def in_time(self, deadline_s: float) -> float:
        """The share of all requests that were answered within the deadline; 1 without requests."""
        requests = len(self.latencies) + self.refused
        return sum(latency <= deadline_s for latency in self.latencies) / requests if requests else 1.0

    def quantile_s(self, share: float) -> float | None:
        """A quantile of the latencies in seconds; None without answers."""
        return float(np.quantile(self.latencies, share)) if self.latencies else None


def poisson(rate: float, seconds: float, rng: np.random.Generator) -> Iterator[float]:
    """Seconds at which requests are due: a Poisson process of ``rate`` requests a second."""
    due = rng.exponential(1 / rate)
    while due < seconds:
        yield float(due)
        due += rng.exponential(1 / rate)


async def send_at(rate: float, seconds: float, send: Send, rng: np.random.Generator) -> Load:
    """Send requests for so long, each when it is due, and wait for every answer.

    Latency counts from the time when a request was due. So a request that the client itself sends late is not called
    fast.
    """
    latencies: list[float] = []
    began = time.monotonic()

    async def request(due: float) -> bool:
        is_answered = await send()
        if is_answered:
            latencies.append(time.monotonic() - due)
        return is_answered

    async with asyncio.TaskGroup() as tasks:
        sent = []
        for after in poisson(rate, seconds, rng):
            await asyncio.sleep(max(0.0, began + after - time.monotonic()))
            sent.append(tasks.create_task(request(began + after)))
    return Load(rate, tuple(latencies), len(sent) - len(latencies))
