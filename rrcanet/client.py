"""A client of a server, for programs with threads. ``AsyncClient`` is the one for asyncio."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from threading import Event
from typing import Any, Final, Self, TypeVar, Unpack
from weakref import WeakSet

import httpx

from rrcanet.detections import Detections
from rrcanet.errors import Refusal, RrcanetError, Unreachable
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
CANCELLED: Final = "the call was cancelled"


class Client:
    """A client of a server. Several threads may share it.

    ``with Client("http://127.0.0.1:8000") as client`` closes its connections at the end.

    Args:
        url: the server's address. Its query is added to every request: ``http://127.0.0.1:8000/?model=nuaa-sirst``.
        api_key: if the server needs one; by default the environment's ``RRCANET_API_KEY``.
        timeout_s: seconds to wait for the server in each step of a request.
        in_flight: requests at a time.
        retries: how often a request is sent again while the server is busy. Each time, the client waits as long as the
            server says, but at most 30 seconds.
        verify: as in httpx: False, or an ``ssl.SSLContext``.

    Raises:
        AddressError: no request can be sent to the address, or no header can carry the key.
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
        self._http = httpx.Client(**self._wire.options())
        self._in_flight, self._retries = in_flight, retries
        self._limits: Limits | None = None
        self._running: WeakSet[Event] = WeakSet()  # set, each ends a call
        self._is_cancelled = False

    def detect(self, frames: Frames, **options: Unpack[Options]) -> list[Detections]:
        """Find the targets in one frame or many. The list has one entry for each frame, in order.

        Args:
            frames: an array ``[H, W]``, ``[N, H, W]``, ``[H, W, 1]`` or ``[N, 1, H, W]`` of integers or floats; the
                path of a file or a folder; the bytes of a file; a Pillow image; or a list or iterator of these. Each
                page of a file is a frame. A folder is searched with its subfolders, in the order of names.
            options: the query parameters of ``POST /v1/detect``.

        Raises:
            TypeError, ValueError: something that was given is no frame.
            OSError: a file cannot be read, or the server cannot be reached (``Unreachable``).
            Refusal: the server refuses the request, or it refuses every frame. If it can read some of the frames, the
                entries of the others have an ``error``.
            Unsupported: the server is too old for an option.
            AnswerError: the answer is not that of such a server.
        """
        found = list(self.each(frames, **options))
        raise_if_all_failed(found)
        return found

    def each(self, frames: Frames, **options: Unpack[Options]) -> Iterator[Detections]:
        """As ``detect``, frame by frame, so that memory stays small however many frames there are.

        A frame that cannot be read has an ``error``, also if it is the only one.
        """
        query, batches = self._requests(frames, options, self._in_flight)
        count = 0
        for batch in self._answers(batches, query):
            yield from numbered(batch, count)
            count += len(batch)

    def lines(self, frames: Frames, **options: Unpack[Options]) -> Iterator[Detections]:
        """As ``each``, but a frame comes as soon as the server has answered it, before the others of its request.

        One request is sent after the other. ``model`` and ``timing_ms`` are None, because the server says them at the
        end of a request. If it cannot answer all frames of a request, its error is raised after those that it answered.
        """
        query, batches = self._requests(frames, options, 1)
        found = (one for batch in batches for one in self._lines(batch, query))
        for count, one in enumerate(found):
            yield one.at(count)

    def stream(self, frames: Frames, *, lossless: bool = False, **options: Unpack[Options]) -> Iterator[Detections]:
        """Send frames through a WebSocket, and get the detections of each as soon as they are there, in order.

        If frames come faster than the server answers, it passes over the oldest that wait. ``index`` counts the frames
        that were sent, so a number is missing for each that was passed over; ``dropped`` counts them. Take the answers
        without long pauses: a server ends a stream whose answers are not read for 10 seconds.

        Args:
            frames: as for ``detect``, for example an iterator over the frames of a camera. A file must hold one frame.
            lossless: send only as many frames before their answers that the server passes over none.
            options: the query parameters of the stream; ``mask`` is ``none`` by default.

        Raises:
            MissingExtra: the extra ``stream`` is not installed.
            Unsupported: the server is too old for streams.
            Refusal: the server refuses the stream, or ends it.
            Unreachable: no server answers, or the connection ends before the last answer.
            AnswerError: something else than answers came.
        """
        from rrcanet.streaming.threads import stream_frames

        return stream_frames(self._wire, frames, encode(options), lossless)

    def limits(self) -> Limits:
        """What one request may carry. The server is asked once."""
        if self._limits is None:
            self._limits = self._run(fetch_limits(self._retries), self._new_stop())
        return self._limits

    def cancel(self) -> None:
        """End the calls of other threads that wait for a busy server: they raise ``Unreachable``, now and later."""
        self._is_cancelled = True
        for stop in list(self._running):
            stop.set()

    def close(self) -> None:
        """Close all connections, after the last call has ended."""
        self.cancel()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _requests(
        self, frames: Frames, options: Mapping[str, Any], in_flight: int
    ) -> tuple[dict[str, str], Iterator[list[Item]]]:
        """The query, and the items of each request. The server is asked for its limits if there are several frames."""
        query = encode(options)
        items = read_items(frames, suffixes_for(query))
        first = list(islice(items, 2))
        is_many = sum(item.frames for item in first) > 1
        limits = self.limits() if is_many else self._limits or Limits()
        refuse_unknown(query, limits)
        return limits.patient(query) if is_many else query, batches_of(chain(first, items), limits, in_flight)

    def _lines(self, items: Sequence[Item], query: dict[str, str]) -> Iterator[Detections]:
        """The detections of one request, as its lines come."""
        try:
            reply = self._run(open_lines(items, query, self._retries), self._new_stop())
        except Refusal as error:
            known, smaller = apart(items, error)
            yield from known
            for some in smaller:
                yield from self._lines(some, query)
            return
        if reply.lines is None:
            yield from read_answer(reply, items)
            return
        reader = LineReader(items, reply)
        try:
            for line in reply.lines.iter_lines():
                if (one := reader.read(line)) is not None:
                    yield one
        except httpx.HTTPError as error:
            raise self._wire.unreachable(error) from error
        finally:
            reply.lines.close()
        reader.end()

    def _answers(self, batches: Iterator[list[Item]], query: dict[str, str]) -> Iterator[list[Detections]]:
        """The answers to all batches, in order; a batch is read when it is its turn to be sent."""
        running: deque[Future[list[Detections]]] = deque()
        stop = self._new_stop()
        with ThreadPoolExecutor(self._in_flight, "rrcanet-client") as pool:
            try:
                for batch in batches:
                    running.append(pool.submit(self._run, detect(batch, query, self._retries), stop))
                    if len(running) >= self._in_flight:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def _new_stop(self) -> Event:
        """What ends a call when it is set."""
        stop = Event()
        self._running.add(stop)
        if self._is_cancelled:  # it may have happened before the line above
            stop.set()
        return stop

    def _run(self, exchange: Exchange[T], stop: Event) -> T:
        """Take every step of an exchange."""
        try:
            step = next(exchange)
            while True:
                try:
                    reply = self._take(step, stop)
                except RrcanetError as error:
                    step = exchange.throw(error)
                else:
                    step = exchange.send(reply)
        except StopIteration as done:
            result: T = done.value
            return result

    def _take(self, step: Send | Wait, stop: Event) -> Reply | None:
        if isinstance(step, Wait):
            if stop.wait(step.seconds):
                raise Unreachable(CANCELLED)
            return None
        try:
            return self._send(step)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._wire.unreachable(error) from error

    def _send(self, step: Send) -> Reply:
        """The reply to a request; its content is not read yet if it comes in lines."""
        response = self._http.send(self._http.build_request(**self._wire.request(step)), stream=True)
        if answers_in_lines(response):
            return reply_in_lines(response)
        try:
            response.read()
        finally:
            response.close()
        return reply_of(response)
