"""One stream from its first frame to its end.

Three steps run side by side. ``_receive`` lets frames wait. ``_start`` hands the oldest of them to the engine, a few at
a time. ``_answer`` sends their answers in order. A client that reads slowly slows down the last step, then the second,
so that frames are dropped and nothing else is held.
"""

import asyncio
import json
import logging
from functools import partial
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from service.api.middleware.envelope import REQUEST_ID, explain
from service.api.stream.frame import FrameAnswer, describe_unanswered, message_part, read_frame
from service.api.stream.query import StreamQuery
from service.api.stream.tracks import StreamTracks
from service.api.stream.waiting import StreamFrame, WaitingRoom
from service.detection.detector import Detector
from service.engine.admission import Places
from service.engine.work import Plan
from service.errors import Reason, ServiceError
from service.observability.cameras import HEADER, UNNAMED
from service.observability.timing import Timing
from service.server.state import ServerState

AT_WORK: Final = 2  # frames: one is read while the device has the other
END: Final = "end"  # the text by which a client says that no further frame comes
DONE, UNSUPPORTED, RESTART = 1000, 1003, 1012  # of RFC 6455, section 7.4.1, and of its registry

logger = logging.getLogger(__name__)


class Session:
    """Answers the frames of one client.

    Args:
        socket: of the client; accepted.
        server: the process.
        query: holds for every frame.
        detector: the model, as long as it is not replaced.
        waiting: the frames that are not at work yet.
    """

    def __init__(
        self, socket: WebSocket, server: ServerState, query: StreamQuery, detector: Detector, waiting: WaitingRoom
    ) -> None:
        self._socket, self._server, self._query, self._detector = socket, server, query, detector
        self._waiting = waiting
        self._camera = socket.headers.get(HEADER, UNNAMED)
        self._code, self._why = DONE, ""
        self._slots = asyncio.Semaphore(AT_WORK)
        self._started: asyncio.Queue[asyncio.Task[FrameAnswer] | None] = asyncio.Queue()
        self._tracks = StreamTracks(query.track_settings) if query.track else None

    async def run(self) -> None:
        """Answer frames until the client sends ``end`` or leaves, or until the process stops."""
        try:
            async with asyncio.TaskGroup() as steps:
                receiving = steps.create_task(self._receive())
                steps.create_task(self._start(steps))
                await self._answer()
                await self._socket.close(self._code, self._why)
                receiving.cancel()
        except* WebSocketDisconnect:
            logger.debug("the client of a stream left")

    def drain(self) -> None:
        """The process stops: answer what waits, then close."""
        self._end(RESTART, "the service is stopping")

    def _end(self, code: int, why: str = "") -> None:
        self._code, self._why = code, why
        self._waiting.close()

    async def _receive(self) -> None:
        """Let every frame wait. The client is listened to until the end, since it may leave while frames wait."""
        index = 0
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code") or 1005)
            content = message.get("bytes")
            if content is not None:
                self._waiting.put(self._new_frame(index, content))
                index += 1
            elif message["text"] == END:
                self._end(DONE)
            else:
                self._end(UNSUPPORTED, f"the only text message is {END!r}; frames are binary messages")

    def _new_frame(self, index: int, content: bytes) -> StreamFrame:
        timing, longest = Timing(), self._server.settings.request_timeout_s
        seconds = longest if self._query.timeout_ms is None else min(longest, self._query.timeout_ms / 1e3)
        return StreamFrame(index, content, timing, timing.began + seconds)

    async def _start(self, steps: asyncio.TaskGroup) -> None:
        """Hand the oldest frame to the engine as soon as few enough are there."""
        while True:
            await self._slots.acquire()
            taken = await self._waiting.take(self._server.engine.admission)
            if taken is None:
                break
            frame, places = taken
            task = steps.create_task(self._find(frame, places))
            if places is not None:
                task.add_done_callback(places.__exit__)  # also of a task that is cancelled before it begins
            self._started.put_nowait(task)
        self._started.put_nowait(None)

    async def _answer(self) -> None:
        """Send the answers in the order of the frames."""
        while (task := await self._started.get()) is not None:
            answer = await task
            if self._tracks is not None:
                await asyncio.to_thread(self._tracks.add, answer)
            answer.entry["dropped"] = self._waiting.dropped
            await self._socket.send_text(json.dumps(answer.entry, separators=(",", ":"), ensure_ascii=False))
            self._slots.release()

    async def _find(self, frame: StreamFrame, places: Places | None) -> FrameAnswer:
        """The answer to one frame. A fault of the frame stands in it, and the stream goes on."""
        try:
            return await self._find_targets(frame, places)
        except Exception as fault:
            return describe_unanswered(frame.index, explain(fault, self._request_id), frame.timing)
        finally:
            self._waiting.give_back(frame)

    async def _find_targets(self, frame: StreamFrame, places: Places | None) -> FrameAnswer:
        if places is None:
            assert frame.fault is not None
            raise frame.fault
        detector = self._current_detector()
        # a stream passes over frames that would come too late, so it needs no latency objective
        plan = Plan(detector, self._query.options, frame.deadline, self._camera, asked=True)
        parts = [message_part(frame.content, self._query)]
        read = partial(read_frame, frame.index, parts, plan, self._query, self._server.settings.max_pixels)
        return await self._server.engine.answer(read, places, frame.timing, frame.deadline)

    def _current_detector(self) -> Detector:
        """The model, which a reload may have replaced. A process that stops answers what waits with the last one.

        Raises:
            ServiceError: ``unknown_model``, or ``bad_parameter``; the new model cannot follow the options.
        """
        try:
            self._detector = self._server.repository.find(self._query.model, self._request_id)
        except ServiceError as fault:
            if fault.reason is not Reason.DRAINING:
                raise
            self.drain()
        self._detector.check(self._query.options)
        return self._detector

    @property
    def _request_id(self) -> str:
        request_id: str = self._socket.scope["state"][REQUEST_ID]
        return request_id
