"""The frames of one stream that wait for the engine. The oldest of them gives way to a new one."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from service.api.body import BodyRoom
from service.engine.admission import Admission, Places
from service.errors import Reason, ServiceError
from service.observability.timing import Timing

MOST_WAITING: Final = 2  # each further frame would make the answers older, and none of them more
TRY_AGAIN_S: Final = 0.02  # while other requests fill the queue of the engine


@dataclass(slots=True, eq=False)
class StreamFrame:
    """One message of a stream.

    Attributes:
        index: number of the frame on its connection, from 0.
        content: a file, or raw rows.
        timing: begins when the message is here.
        deadline: time.monotonic until which an answer is of use.
        fault: why the frame cannot be answered.
    """

    index: int
    content: bytes
    timing: Timing
    deadline: float
    fault: ServiceError | None = None


class WaitingRoom:
    """Frames in the order of their arrival. Leaving the ``with`` block forgets all that still wait.

    Args:
        room: bounds the bytes of all bodies and messages of the process.
        on_drop: called for every frame that is passed over.

    Attributes:
        dropped: how many frames were passed over.
    """

    def __init__(self, room: BodyRoom, on_drop: Callable[[], object]) -> None:
        self._room, self._on_drop = room, on_drop
        self._frames: deque[StreamFrame] = deque()
        self._changed, self._closed = asyncio.Event(), False
        self._bytes = self.dropped = 0

    def __enter__(self) -> "WaitingRoom":
        return self

    def __exit__(self, *_: object) -> None:
        self._frames.clear()
        self._room.take(-self._bytes)
        self._bytes = 0

    def put(self, frame: StreamFrame) -> None:
        """Let a frame wait. If too many wait already, the oldest is dropped. After ``close`` this does nothing."""
        if self._closed:
            return
        if not self._hold(len(frame.content)):
            detail = f"the bodies of all requests together may have {self._room.most} bytes; send frames more slowly"
            frame.fault, frame.content = ServiceError(Reason.QUEUE_FULL, detail), b""
        if len(self._frames) == MOST_WAITING:
            self.give_back(self._frames.popleft())
            self.dropped += 1
            self._on_drop()
        self._frames.append(frame)
        self._changed.set()

    def close(self) -> None:
        """No further frame comes."""
        self._closed = True
        self._changed.set()

    async def take(self, admission: Admission) -> tuple[StreamFrame, Places | None] | None:
        """The oldest frame and its place in the engine's queue; None once the room is closed and empty.

        While that queue is full, frames stay here, so that it is again the oldest which is dropped. A frame that cannot
        be answered has a fault and no place.
        """
        while await self._has_frames():
            oldest = self._frames[0]
            if oldest.fault is not None:
                return self._frames.popleft(), None
            try:
                places = Places(admission)
            except ServiceError as full:
                if time.monotonic() > oldest.deadline:
                    oldest.fault = full.bare()
                else:
                    await asyncio.sleep(TRY_AGAIN_S)
            else:
                return self._frames.popleft(), places
        return None

    async def _has_frames(self) -> bool:
        """Wait for a frame. False once the room is closed and empty."""
        while not self._frames and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        return bool(self._frames)

    def _hold(self, count: int) -> bool:
        held = self._room.take(count)
        self._bytes += count if held else 0
        return held

    def give_back(self, frame: StreamFrame) -> None:
        """Forget the content of a frame: nothing needs it any more."""
        count, frame.content = min(len(frame.content), self._bytes), b""
        self._room.take(-count)
        self._bytes -= count
