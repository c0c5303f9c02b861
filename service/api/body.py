"""Lets a request in, and reads its body with a limit on its size and a deadline."""

import asyncio
import io
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from threading import Lock
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from service.api.detect.work import Part
from service.api.inflate import check_encoding, inflate
from service.api.multipart import MULTIPART, layout_for, media_type_of, pieces, read_multipart
from service.api.slow_bodies import largest, slowest
from service.engine.admission import Admission, Places
from service.errors import Reason, ServiceError
from service.frames import RawLayout

SLOWEST_BYTES_S: Final = 240  # as Kestrel's MinRequestBodyDataRate
ATTEMPTS: Final = 3  # another request may take the place that was given up
SLOW_AFTER_S: Final = 5.0  # the lowest rate is measured over this time
SIZES: Final = 5  # are noted in this time


class BodyRoom:
    """A bounded number of bytes.

    Args:
        most: bytes of all bodies together.
    """

    def __init__(self, most: int) -> None:
        self.most, self._taken, self._lock = most, 0, Lock()

    @property
    def taken(self) -> int:
        """Bytes of the bodies of all requests that are not answered yet."""
        return self._taken

    def take(self, count: int) -> bool:
        """Take room for so many bytes, or give room back if the number is negative. False if there is no room."""
        with self._lock:
            if self._taken + count > self.most:
                return False
            self._taken += count
            return True


class BodyPlaces(Places):
    """The places of one request, and the room for its body. Leaving the ``with`` block gives all of it back."""

    def __init__(self, admission: Admission, room: BodyRoom) -> None:
        super().__init__(admission)
        self._room, self._bytes = room, 0

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if self._bytes:
            with self._lock:
                self._room.take(-self._bytes)
                self._bytes = 0

    def hold(self, count: int) -> None:
        """Take room for more bytes of the body; a negative number gives some back. After the end it does nothing.

        Raises:
            ServiceError: ``queue_full``.
        """
        with self._lock:
            if self._left:
                return
            if not self._room.take(count):
                detail = f"the bodies of all requests together may have {self._room.most} bytes; try again later"
                raise ServiceError(Reason.QUEUE_FULL, detail, self._admission.expected_wait_s(1))
            self._bytes += count


async def enter(request: Request) -> BodyPlaces:
    """The place of one frame. If none is free, a body that arrives slowly gives its place up.

    Raises:
        ServiceError: ``queue_full``.
    """
    state = request.app.state
    admission: Admission = state.server.engine.admission
    for _ in range(ATTEMPTS):
        try:
            return BodyPlaces(admission, state.body_room)
        except ServiceError:
            if not await _give_up_slow_body(request, slowest):
                raise
    return BodyPlaces(admission, state.body_room)


async def _give_up_slow_body(
    request: Request, choose: Callable[[Collection["Arriving"], float], "Arriving | None"]
) -> bool:
    """Whether a slow body has given up its place and its memory. Both are free afterwards."""
    slow = choose(request.app.state.arriving, asyncio.get_running_loop().time())
    if slow is None:
        return False
    detail = "the service is full, and this body arrived slowly; send it again, and faster"
    await slow.give_up(ServiceError(Reason.QUEUE_FULL, detail, retry_after_s=1))
    return True


async def read_parts(
    request: Request,
    places: BodyPlaces,
    limit: int,
    max_parts: int,
    deadline: float,
    raw: RawLayout | None,
    late: Reason,
    fields: dict[str, str] | None = None,
) -> list[Part]:
    """Read the body of a request; a body that is not multipart is one part.

    Args:
        request: its body must not have been read.
        places: of the request; they hold the bytes of the body too.
        limit: most bytes of the body.
        max_parts: most parts of a multipart body.
        deadline: the last byte must arrive before this time of ``time.monotonic``.
        raw: the layout of raw rows, if the request gives one.
        late: the reason of the error if the body is not here by the deadline.
        fields: takes the text fields of a multipart body; without it, they are an error.

    Raises:
        ServiceError: the body is too large, late, compressed in an unknown way, damaged or invalid multipart, there is
            no room for it, or the client disconnected.
    """
    headers = request.headers
    encoding = headers.get("content-encoding", "")
    if encoding:
        check_encoding(encoding)
    _refuse_announced_size(headers, limit)
    media_type = media_type_of(headers.get("content-type"))
    arriving = Arriving(request, places, limit)
    try:
        async with asyncio.timeout(deadline - time.monotonic()) as arriving.timeout:
            if encoding:
                content = await asyncio.to_thread(inflate, await arriving.read(), encoding, limit, places.hold)
            if media_type == MULTIPART:
                stream = pieces(content) if encoding else arriving.stream()
                return await read_multipart(headers, stream, max_parts, raw, fields)
            if not encoding:
                content = await arriving.read()
    except TimeoutError as error:
        raise arriving.fault or ServiceError(late, "the body did not arrive in time") from error
    except ClientDisconnect as error:
        raise ServiceError(Reason.REQUEST_TIMEOUT, "the client disconnected before the body was complete") from error
    finally:
        arriving.end()
    return [Part(content, media_type, None, layout_for(media_type, raw))]


class Arriving:
    """A body that arrives in pieces. It is refused beyond ``limit`` bytes, and if it is too slow.

    A body that is here at once does not count towards the bytes of all bodies: it has at most 256 KiB, which is what
    the event loop reads at once.

    Attributes:
        client: the address of the client.
        began: time of the event loop when the first piece was here and more was to come; None before.
        size: bytes that have arrived.
        timeout: ends the reading.
        fault: why the reading was ended before the deadline.
    """

    timeout: asyncio.Timeout | None = None
    began: float | None = None
    fault: ServiceError | None = None
    client: str
    _sizes: deque[int]
    _watch: asyncio.TimerHandle | None = None
    _noted: float = 0.0  # when the last of the sizes was noted
    _ended: asyncio.Future[None] | None = None

    def __init__(self, request: Request, places: BodyPlaces, limit: int) -> None:
        self._request, self._places, self._limit = request, places, limit
        self.size, self._more = 0, True

    def give_up(self, fault: ServiceError) -> asyncio.Future[None]:
        """Answer with this error, and read no further. The future is done when the reading has ended."""
        loop = asyncio.get_running_loop()
        self.fault, self._ended = fault, loop.create_future()
        if self.timeout is not None and not self.timeout.expired():
            self.timeout.reschedule(loop.time())
        return self._ended

    def end(self) -> None:
        """The body is here, or nobody reads it any more."""
        if self._watch is not None:
            self._watch.cancel()
            self._request.app.state.arriving.discard(self)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def rate(self, now: float) -> float:
        """Bytes a second in the last seconds: a body that began fast may be slow now."""
        ago = now - self._noted
        if len(self._sizes) > 1:
            ago += SLOW_AFTER_S / SIZES
        return (self.size - self._sizes[max(-2, -len(self._sizes))]) / max(ago, 1e-3)

    def _note_size(self) -> None:
        """Note the size so far, again and again, and end a body that arrives too slowly."""
        loop = asyncio.get_running_loop()
        if len(self._sizes) == SIZES and self.size - self._sizes[0] < SLOWEST_BYTES_S * SLOW_AFTER_S:
            detail = f"the body arrived at less than {SLOWEST_BYTES_S} bytes a second"
            self.give_up(ServiceError(Reason.REQUEST_TIMEOUT, detail))
            return
        self._sizes.append(self.size)
        self._watch_later(loop)

    def _watch_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._noted = loop.time()
        self._watch = loop.call_later(SLOW_AFTER_S / SIZES, self._note_size)

    async def read(self) -> bytes:
        """The whole body. Reading it with an asynchronous generator would double the time that is spent here."""
        first = await self._receive()
        return await self._read_on(first) if self._more else first

    async def _read_on(self, first: bytes) -> bytes:
        body = io.BytesIO(first)  # to join 32 MB at the end would stop the event loop for 28 ms
        body.seek(0, io.SEEK_END)
        while self._more:
            body.write(await self._receive())
        return body.getvalue()

    async def stream(self) -> AsyncGenerator[bytes, None]:
        while self._more:
            yield await self._receive()

    async def _receive(self) -> bytes:
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        self.size += len(chunk)
        if self.size > self._limit:
            raise _too_large(self._limit)
        if self._more and self.began is None:
            self._begin_to_wait()
        if self.began is not None:
            await self._hold(len(chunk))
        return chunk

    def _begin_to_wait(self) -> None:
        """The first piece is here, and more is to come: it can be slow from now on."""
        request, loop = self._request, asyncio.get_running_loop()
        self.client = request.client.host if request.client else ""
        self._sizes = deque([0], SIZES)
        self._watch_later(loop)
        self.began = loop.time()
        request.app.state.arriving.add(self)

    async def _hold(self, count: int) -> None:
        """Count these bytes. If there is no room for them, bodies that arrive slowly are given up."""
        for _ in range(ATTEMPTS):
            try:
                self._places.hold(count)
                return
            except ServiceError:
                if not await _give_up_slow_body(self._request, largest):
                    raise
        self._places.hold(count)


def _refuse_announced_size(headers: Headers, limit: int) -> None:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> ServiceError:
    return ServiceError(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")
