"""The answer to ``Accept: application/x-ndjson``: one JSON line for each frame, as soon as it is answered.

The last line says whether the answer is whole: ``{"done": true, …}``, or ``{"done": false, "problem": …}``.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.body import BodyRoom, enter, read_parts
from service.api.detect.query import DetectQuery, MediaType
from service.api.detect.work import Bad, Entry, Part, describe_entry, nothing_decoded, read_entries
from service.api.middleware.envelope import REQUEST_ID, explain, has_left
from service.api.problems import problem_of
from service.detection.description import describe_model
from service.detection.detector import Detection, Prepared
from service.engine.work import Plan, Tensor, Work
from service.errors import Reason, ServiceError
from service.frames import Budget
from service.observability.timing import Timing
from service.server.state import ServerState

HEADERS: Final = [(b"content-type", MediaType.LINES.value.encode())]
STOPPED: Final = "the process was stopped before the answer was complete; try again"


class Lines:
    """Lines that are written and not yet sent. They are written in a thread, and sent by the event loop.

    Args:
        room: bounds the bytes of all requests, so that clients that read slowly cannot fill the memory.
    """

    def __init__(self, room: BodyRoom) -> None:
        self._room, self._loop = room, asyncio.get_running_loop()
        self._lines: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._complete = self._is_closed = False

    def write(self, content: dict[str, Any]) -> None:
        """Add a line, in any thread.

        Raises:
            ServiceError: ``queue_full``; the client reads too slowly, and there is no room for more.
        """
        line = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        if not self._room.take(len(line)):
            detail = "there is no memory for the rest of this answer, of which too much is not read yet"
            raise ServiceError(Reason.QUEUE_FULL, detail, retry_after_s=1)
        self._loop.call_soon_threadsafe(self._add, line)

    def complete(self) -> None:
        """No line follows."""
        self._complete = True
        self._changed.set()

    def take(self) -> bytes:
        """The lines that are there; they no longer count."""
        taken = b"".join(self._lines)
        self._lines.clear()
        self._room.take(-len(taken))
        return taken

    async def wait(self) -> bool:
        """Wait for a line. False once all lines are taken and none follows."""
        while not self._lines and not self._complete:
            self._changed.clear()
            await self._changed.wait()
        return bool(self._lines)

    def close(self) -> None:
        """Nobody reads any further."""
        self._is_closed = True
        self.take()

    def _add(self, line: bytes) -> None:
        if self._is_closed:  # the thread has not noticed yet
            self._room.take(-len(line))
            return
        self._lines.append(line)
        self._changed.set()


class LinesResponse(Response):
    """Sends lines while the engine answers the frames.

    Args:
        lines: that the engine writes.
        work: runs until the last frame is answered.
    """

    def __init__(self, lines: Lines, work: Coroutine[Any, Any, dict[str, Any]]) -> None:
        super().__init__(media_type=MediaType.LINES)
        self._lines = lines
        self._work = asyncio.create_task(work)
        self._work.add_done_callback(lambda _: lines.complete())

    async def begin(self) -> None:
        """Wait for the first line.

        Raises:
            ServiceError: the request failed before it.
        """
        try:
            if not await self._lines.wait():
                await self._work
        except BaseException:
            self._end()
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines as they come, and at last whether they are all."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            while await self._lines.wait():
                await send({"type": "http.response.body", "body": self._lines.take(), "more_body": True})
            last = await self._last_line(scope)
            await send({"type": "http.response.body", "body": json.dumps(last).encode() + b"\n"})
        finally:
            self._end()

    async def _last_line(self, scope: Scope) -> dict[str, Any]:
        state = scope["state"]
        try:
            return {"done": True, **await self._work}
        except asyncio.CancelledError:
            if has_left(state):
                raise
            fault = ServiceError(Reason.DRAINING, STOPPED)
        except Exception as error:
            fault = explain(error, state[REQUEST_ID])
        return {"done": False, "problem": problem_of(fault, state[REQUEST_ID])}

    def _end(self) -> None:
        self._work.cancel()
        self._lines.close()


async def answer_lines(request: Request, query: DetectQuery, plan: Plan, timing: Timing, late: Reason) -> Response:
    """The answer to one request, once its first line is there.

    Args:
        late: the reason of the error if the body is not here by the deadline.

    Raises:
        ServiceError: the request failed before its first line.
    """
    lines = Lines(request.app.state.body_room)
    response = LinesResponse(lines, _answer(request, query, plan, timing, late, lines))
    await response.begin()
    return response


async def _answer(
    request: Request, query: DetectQuery, plan: Plan, timing: Timing, late: Reason, lines: Lines
) -> dict[str, Any]:
    """Have every line written. Returns what the last line says."""
    server: ServerState = request.app.state.server
    limits = server.settings.max_body_bytes, server.settings.max_frames
    with await enter(request) as places:
        parts = await read_parts(request, places, *limits, plan.deadline, query.raw, late)
        read = partial(read_lines_work, parts, plan, query, lines)
        await server.engine.answer(read, places, timing, plan.deadline)
    stages = {stage: round(milliseconds, 3) for stage, milliseconds in timing.finish().items()}
    return {"model": describe_model(plan.detector), "timing_ms": stages}


def read_lines_work(parts: list[Part], plan: Plan, query: DetectQuery, lines: Lines, budget: Budget) -> Work[None]:
    """The frames of a request, each to be answered with its line.

    Raises:
        ServiceError: as ``read_entries``; or none of the frames could be read.
    """
    entries = read_entries(parts, plan, budget, query.reading, query.raw)
    ready = [entry for entry in entries if isinstance(entry, Prepared)]
    if not ready:
        raise nothing_decoded([entry for entry in entries if isinstance(entry, Bad)])
    return Work(plan, ready, len(entries) - len(ready), Writer(entries, query, lines).answer, frame_by_frame=True)


class Writer:
    """Writes the line of each frame, and of those before it that could not be read."""

    def __init__(self, entries: Sequence[Entry], query: DetectQuery, lines: Lines) -> None:
        self._left = deque(enumerate(entries))
        self._query, self._lines = query, lines

    def answer(self, _: Sequence[Tensor], detect: Callable[[], Sequence[Detection]], __: Timing) -> None:
        """Write the line of the next frame that could be read."""
        self._write_faults()
        index, entry = self._left.popleft()
        self._write(index, entry, detect()[0])
        if not any(isinstance(entry, Prepared) for _, entry in self._left):
            self._write_faults()

    def _write_faults(self) -> None:
        while self._left and isinstance(self._left[0][1], Bad):
            self._write(*self._left.popleft(), None)

    def _write(self, index: int, entry: Entry, detection: Detection | None) -> None:
        self._lines.write(describe_entry(index, entry, detection, self._query.mask, self._query.preview))
