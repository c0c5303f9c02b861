"""Requests of one load, and what became of them. What has no answer soon after the load is given up."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import count
from typing import Any, Final

import numpy as np

from benchmarks.peers.loads import Load
from benchmarks.serving.clients.arrivals import Arrival, Outcome, send
from benchmarks.serving.clients.http_client import Address, Lost, Refused, Stream
from benchmarks.serving.clients.requests import Request

LONGEST_WAIT_S: Final = 2.1  # after the load: the longest time that goodput is counted in, and a little
PAUSE_S: Final = 0.5  # of a client that was refused without Retry-After
UNANSWERED: Final = "unanswered"


async def apply(
    address: Address, load: Load, requests: Sequence[Request], rate: float, seconds: float, seed: int
) -> list[Outcome]:
    """The outcomes of all requests, which were due within ``seconds``.

    Args:
        rate: of the bound, in answers a second.
    """
    if load.clients:
        return await closed_loop(address, requests, load.clients, seconds)
    return await open_loop(address, arrivals(load.share * rate, seconds, requests, seed), seconds)


def arrivals(rate: float, seconds: float, requests: Sequence[Request], seed: int) -> list[Arrival]:
    """Poisson arrivals, given their number: a short load could have a quarter more or less than ``rate`` says."""
    rng = np.random.default_rng(seed)
    number = max(1, round(rate * seconds))
    due = np.sort(rng.uniform(0, seconds, number)).tolist()
    return [(at, requests[k]) for at, k in zip(due, rng.integers(len(requests), size=number), strict=True)]


async def open_loop(address: Address, due: Iterable[Arrival], seconds: float) -> list[Outcome]:
    """Send each request when it is due, on a connection of its own."""
    began = time.monotonic()
    tasks = []
    for after, request in due:
        await asyncio.sleep(max(0.0, began + after - time.monotonic()))
        tasks.append(asyncio.create_task(_once(address, request, began + after)))
    await _finish(tasks, began + seconds + LONGEST_WAIT_S - time.monotonic())
    return [task.result() for task in tasks]


async def closed_loop(address: Address, requests: Sequence[Request], clients: int, seconds: float) -> list[Outcome]:
    """Clients that send their next request when the last one is answered; after a refusal they wait."""
    end = time.monotonic() + seconds
    numbers, outcomes = count(), list[Outcome]()

    async def client() -> None:
        with closing(_Connection(address)) as connection:
            while time.monotonic() < end:
                outcomes.append(await connection.ask(requests[next(numbers) % len(requests)]))
                if outcomes[-1].result == UNANSWERED:
                    return
                await asyncio.sleep(_pause(outcomes[-1]))

    await _finish([asyncio.create_task(client()) for _ in range(clients)], seconds + LONGEST_WAIT_S)
    return outcomes


class _Connection:
    """A connection for one request after the other; it is opened again after a fault."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._stream: Stream | None = None

    async def ask(self, request: Request) -> Outcome:
        sent, answer = time.monotonic(), None
        try:
            self._stream = self._stream or await Stream.open(self._address)
            answer = await self._stream.send(request.content)
            result = str(answer.status)
        except (Refused, Lost, asyncio.CancelledError) as fault:
            result = UNANSWERED if isinstance(fault, asyncio.CancelledError) else type(fault).__name__.lower()
            self.close()
        return Outcome(request, sent, sent, time.monotonic(), result, answer)

    def close(self) -> None:
        """Close the connection if there is one."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None


def _pause(outcome: Outcome) -> float:
    if outcome.result == "200":
        return 0.0
    wait = outcome.answer.headers.get("retry-after", "") if outcome.answer else ""
    return float(wait) if wait.isdigit() else PAUSE_S


async def _once(address: Address, request: Request, due: float) -> Outcome:
    sent = time.monotonic()
    try:
        return await send(address, request, due)
    except asyncio.CancelledError:
        return Outcome(request, due, sent, time.monotonic(), UNANSWERED, None)


async def _finish(tasks: Sequence["asyncio.Task[Any]"], within_s: float) -> None:
    """Cancel what is not done by then."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=max(0.0, within_s))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
