"""A client of a server, for programs with threads. ``AsyncClient`` is the one for asyncio."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from threading import Event
from typing import Any, Final, Self, TypeVar, Unpack
from weakref import WeakSet

import httpx

from rrcanet.detections import Detections
from rrcanet.errors import RrcanetError, Unreachable
from rrcanet.frames import Frames, Item, read_items, suffixes_for
from rrcanet.http.batches import batches_of
from rrcanet.http.exchanges import detect, fetch_limits, numbered, raise_if_all_failed, refuse_unknown
from rrcanet.http.limits import Limits
from rrcanet.http.retry import RETRIES
from rrcanet.http.steps import Exchange, Reply, Send, Wait
from rrcanet.http.wire import IN_FLIGHT, TIMEOUT_S, Wire, reply_of
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
        query = encode(options)
        items = read_items(frames, suffixes_for(query))
        first = list(islice(items, 2))
        limits = self.limits() if len(first) > 1 else self._limits or Limits()
        refuse_unknown(query, limits)
        if len(first) > 1:
            query = limits.patient(query)
        count = 0
        for batch in self._answers(batches_of(chain(first, items), limits, self._in_flight), query):
            yield from numbered(batch, count)
            count += len(batch)

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
            return reply_of(self._http.request(**self._wire.request(step)))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._wire.unreachable(error) from error
