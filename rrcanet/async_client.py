"""A client of a server, for asyncio."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Self, TypeVar, Unpack

import httpx

from rrcanet.detections import Detections
from rrcanet.errors import Refusal, RrcanetError
from rrcanet.frames import Frames, Item, read_items, suffixes_for
from rrcanet.http.answers import read_answer
from rrcanet.http.batches import batches_of
from rrcanet.http.exchanges import detect, fetch_limits, numbered, raise_if_all_failed, refuse_unknown
from rrcanet.http.limits import Limits
from rrcanet.http.lines import LineReader, apart, open_lines
from rrcanet.http.retry import RETRIES
from rrcanet.http.steps import Exchange, Reply, Send, Wait
from rrcanet.http.wire import IN_FLIGHT, TIMEOUT_S, Wire, answers_in_lines, reply_in_lines, reply_of
from rrcanet.options import Options, encode

T = TypeVar("T")


class AsyncClient:
    """As ``Client``, with the same arguments and errors: ``async with AsyncClient("http://127.0.0.1:8000") as client``.

    Files are read in a thread, so that the event loop goes on.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        in_flight: int = IN_FLIGHT,
        retries: int = RETRIES,
        verify: Any = True,
    ) -> None:
        self._wire = Wire(url, api_key, timeout_s, verify)
        self._http = httpx.AsyncClient(**self._wire.options())
        self._in_flight, self._retries = in_flight, retries
        self._limits: Limits | None = None

    async def detect(self, frames: Frames, **options: Unpack[Options]) -> list[Detections]:
        """As ``Client.detect``."""
        found = [one async for one in self.each(frames, **options)]
        raise_if_all_failed(found)
        return found

    async def each(self, frames: Frames, **options: Unpack[Options]) -> AsyncIterator[Detections]:
        """As ``Client.each``."""
        query, batches = await self._requests(frames, options, self._in_flight)
        count = 0
        async for batch in self._answers(batches, query):
            for one in numbered(batch, count):
                yield one
            count += len(batch)

    async def lines(self, frames: Frames, **options: Unpack[Options]) -> AsyncIterator[Detections]:
        """As ``Client.lines``."""
        query, batches = await self._requests(frames, options, 1)
        count = 0
        while batch := await asyncio.to_thread(next, batches, None):
            async for one in self._lines(batch, query):
                yield one.at(count)
                count += 1

    def stream(
        self, frames: Frames | AsyncIterator[Frames], *, lossless: bool = False, **options: Unpack[Options]
    ) -> AsyncIterator[Detections]:
        """As ``Client.stream``; ``frames`` may also be an asynchronous iterator."""
        from rrcanet.streaming.tasks import stream_frames

        return stream_frames(self._wire, frames, encode(options), lossless)

    async def limits(self) -> Limits:
        """As ``Client.limits``."""
        if self._limits is None:
            self._limits = await self._run(fetch_limits(self._retries))
        return self._limits

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _requests(
        self, frames: Frames, options: Mapping[str, Any], in_flight: int
    ) -> tuple[dict[str, str], Iterator[list[Item]]]:
        query = encode(options)
        items = read_items(frames, suffixes_for(query))
        first = await asyncio.to_thread(lambda: list(islice(items, 2)))
        is_many = sum(item.frames for item in first) > 1
        limits = await self.limits() if is_many else self._limits or Limits()
        refuse_unknown(query, limits)
        return limits.patient(query) if is_many else query, batches_of(chain(first, items), limits, in_flight)

    async def _lines(self, items: Sequence[Item], query: dict[str, str]) -> AsyncIterator[Detections]:
        """The detections of one request, as its lines come."""
        try:
            reply = await self._run(open_lines(items, query, self._retries))
        except Refusal as error:
            known, smaller = apart(items, error)
            for one in known:
                yield one
            for some in smaller:
                async for one in self._lines(some, query):
                    yield one
            return
        if reply.lines is None:
            for one in read_answer(reply, items):
                yield one
            return
        async for one in self._read_lines(LineReader(items, reply), reply):
            yield one

    async def _read_lines(self, reader: LineReader, reply: Reply) -> AsyncIterator[Detections]:
        try:
            async for line in reply.lines.aiter_lines():
                if (one := reader.read(line)) is not None:
                    yield one
        except httpx.HTTPError as error:
            raise self._wire.unreachable(error) from error
        finally:
            await reply.lines.aclose()
        reader.end()

    async def _answers(self, batches: Iterator[list[Item]], query: dict[str, str]) -> AsyncIterator[list[Detections]]:
        running: deque[asyncio.Task[list[Detections]]] = deque()
        try:
            while batch := await asyncio.to_thread(next, batches, None):
                running.append(asyncio.create_task(self._run(detect(batch, query, self._retries))))
                if len(running) >= self._in_flight:
                    yield await running.popleft()
            while running:
                yield await running.popleft()
        finally:
            for task in running:
                task.cancel()

    async def _run(self, exchange: Exchange[T]) -> T:
        """Take every step of an exchange."""
        try:
            step = next(exchange)
            while True:
                try:
                    reply = await self._take(step)
                except RrcanetError as error:
                    step = exchange.throw(error)
                else:
                    step = exchange.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _take(self, step: Send | Wait) -> Reply | None:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        try:
            return await self._send(step)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._wire.unreachable(error) from error

    async def _send(self, step: Send) -> Reply:
        response = await self._http.send(self._http.build_request(**self._wire.request(step)), stream=True)
        if answers_in_lines(response):
            return reply_in_lines(response)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return reply_of(response)
