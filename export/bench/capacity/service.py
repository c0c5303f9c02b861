"""Loads for a service at an address, through the client that programs use."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from export.bench.capacity.knee import Measure
from export.bench.capacity.open_loop import Load, send_at
from export.bench.cases import Refused, Shape, Unreachable, frames
from rrcanet import AsyncClient
from rrcanet.errors import AnswerError, Busy, DeadlineExceeded, Refusal
from rrcanet.errors import Unreachable as NoAnswer

DEADLINES: Final = 20  # of a load, at least: at 1.05 times what a server can do, the last request is late by then
WARM_UP: Final = 10  # requests, one after the other; the time of a request is the median of the last half
Report = Callable[[Load], object]


class Target:
    """A service that gets frames of one size, one in each request.

    Args:
        url: its address. The query is added to every request.
        shape: of the frame.
        key: if the service needs one.

    Raises:
        AddressError: no request can be sent there.
    """

    def __init__(self, url: str, shape: Shape, key: str | None = None) -> None:
        self._url, self._key, self._frame = url, key, frames(shape)[0]
        AsyncClient(url, key)

    def service_s(self) -> float:
        """Seconds of a request while nothing else is asked.

        Raises:
            Refused, Unreachable: there is no such service, or it refuses these frames.
        """
        return asyncio.run(self._one_by_one())

    def measure(self, seconds: float, deadline_s: float, report: Report = lambda _: None) -> Measure:
        """Loads of so many seconds each, or of 20 deadlines if these are longer. ``report`` gets each when it is over.

        A shorter load could end before a queue that grows has made the first request late.
        """
        rng, lasts_s = np.random.default_rng(0), max(seconds, DEADLINES * deadline_s)

        def measure(rate: float) -> Load:
            load = asyncio.run(self._load(rate, lasts_s, rng))
            report(load)
            return load

        return measure

    async def _one_by_one(self) -> float:
        async with self._client() as client:
            times = []
            for _ in range(WARM_UP):
                began = time.monotonic()
                try:
                    await client.detect(self._frame)
                except (Refusal, AnswerError) as error:
                    raise Refused(f"{self._url} answers {error}") from error
                except NoAnswer as error:
                    raise Unreachable(str(error)) from error
                times.append(time.monotonic() - began)
        return statistics.median(times[WARM_UP // 2 :])

    async def _load(self, rate: float, seconds: float, rng: np.random.Generator) -> Load:
        async with self._client() as client:

            async def send() -> bool:
                try:
                    await client.detect(self._frame)
                except (Busy, DeadlineExceeded, NoAnswer):
                    return False
                return True

            return await send_at(rate, seconds, send, rng)

    def _client(self) -> AsyncClient:
        return AsyncClient(self._url, self._key, retries=0)
