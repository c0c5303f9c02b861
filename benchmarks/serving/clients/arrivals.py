"""When requests are sent: at times that do not depend on the server (open loop), or after each answer (closed loop)."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from benchmarks.serving.clients.http_client import Address, Answer, Lost, Refused, Stream, ask
from benchmarks.serving.clients.requests import Request

Arrival = tuple[float, Request]  # seconds after the beginning


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a request; times are those of ``time.monotonic``.

    Attributes:
        due: when the request should have been sent; latency counts from here.
        sent: when the request was sent.
        result: the status, ``refused`` (no connection) or ``lost`` (a connection and no answer).
        answer: None without one.
    """

    request: Request
    due: float
    sent: float
    ended: float
    result: str
    answer: Answer | None


def poisson(rate: float, seconds: float, requests: Sequence[Request], seed: int) -> Iterator[Arrival]:
    """Poisson arrivals, as of independent users: ``rate`` requests a second on average, drawn from ``requests``."""
    rng = np.random.default_rng(seed)
    due = float(rng.exponential(1 / rate))
    while due < seconds:
        yield due, requests[int(rng.integers(len(requests)))]
        due += float(rng.exponential(1 / rate))


def evenly(rate: float, seconds: float, request: Request) -> Iterator[Arrival]:
    """The same request at even intervals, ``rate`` times a second."""
    return ((number / rate, request) for number in range(int(rate * seconds)))


async def open_loop(address: Address, arrivals: Iterable[Arrival], record: Callable[[Outcome], object]) -> None:
    """Send each request when it is due, on a connection of its own; returns when all answers are there."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for after, request in arrivals:
            due = began + after
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            tasks.create_task(_send(address, request, due, record))


async def _send(address: Address, request: Request, due: float, record: Callable[[Outcome], object]) -> None:
    record(await send(address, request, due))


async def send(address: Address, request: Request, due: float) -> Outcome:
    """Send a request on a connection of its own."""
    sent, answer = time.monotonic(), None
    try:
        answer = await ask(address, request.content)
        result = str(answer.status)
    except Refused:
        result = "refused"
    except Lost:
        result = "lost"
    return Outcome(request, due, sent, time.monotonic(), result, answer)


async def closed_loop(address: Address, requests: Sequence[Request], clients: int, seconds: float) -> float:
    """Answers of status 200 a second, to clients that never pause; the first fifth of the time is the warm-up."""
    began = time.monotonic()
    first, last = began + seconds / 5, began + seconds
    numbers = count()
    answered = 0

    async def client() -> None:
        nonlocal answered
        stream = await Stream.open(address)
        while time.monotonic() < last:
            answer = await stream.send(requests[next(numbers) % len(requests)].content)
            answered += answer.status == 200 and first <= time.monotonic() < last
        stream.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return answered / (last - first)
