"""A stream for asyncio: one task sends while the caller takes the answers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from rrcanet.detections import Detections
from rrcanet.frames import Frames, Item, read_items, suffixes_for
from rrcanet.http.wire import Wire
from rrcanet.streaming.connection import END, LOSSLESS, arguments_of, error_of, require_websockets
from rrcanet.streaming.unanswered import Unanswered

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

AsyncFrames = Frames | AsyncIterator[Frames]


async def stream_frames(
    wire: Wire, frames: AsyncFrames, query: Mapping[str, str], lossless: bool
) -> AsyncIterator[Detections]:
    """As the one for threads; ``frames`` may also be an asynchronous iterator."""
    require_websockets()
    from websockets.asyncio.client import connect
    from websockets.exceptions import WebSocketException

    unanswered, room = Unanswered(), asyncio.Semaphore(LOSSLESS)
    failure: Exception | None = None
    try:
        async with connect(**arguments_of(wire, query), open_timeout=wire.timeout_s) as connection:
            items = _items(frames, suffixes_for(query))
            sending = asyncio.create_task(_send(connection, items, unanswered, room if lossless else None))
            try:
                async for text in connection:
                    found = unanswered.receive(text)
                    room.release()
                    yield found
            finally:
                sending.cancel()
                with suppress(asyncio.CancelledError):
                    failure = await sending
    except (WebSocketException, OSError) as error:
        raise error_of(wire, error) from error
    if failure is not None:
        raise failure


async def _send(
    connection: "ClientConnection",
    items: AsyncIterator[Item],
    unanswered: Unanswered,
    room: asyncio.Semaphore | None,
) -> Exception | None:
    """Send every frame, and then ``end``; the result is an error of the caller's frames."""
    from websockets.exceptions import ConnectionClosed

    failure: Exception | None = None
    try:
        async for item in items:
            if room is not None:
                await room.acquire()
            await connection.send(unanswered.send(item))
    except ConnectionClosed:
        return None  # whoever receives learns why
    except Exception as error:
        failure = error
    with suppress(ConnectionClosed):
        await connection.send(END)
    return failure


async def _items(frames: AsyncFrames, suffixes: tuple[str, ...]) -> AsyncIterator[Item]:
    """Frames are read in a thread, where a camera may block."""
    if isinstance(frames, AsyncIterator):
        async for frame in frames:
            for item in read_items(frame, suffixes):
                yield item
        return
    items = read_items(frames, suffixes)
    while (item := await asyncio.to_thread(partial(next, items, None))) is not None:
        yield item
