"""``WS /v1/stream``, and how the OpenAPI document describes it."""

from typing import Final

from fastapi import APIRouter, WebSocket
from starlette.responses import Response

from service.api.detect.query import read_query
from service.api.middleware.envelope import REQUEST_ID
from service.api.openapi.errors import CLOSED, Responses, problems
from service.api.openapi.tags import Tag
from service.api.stream.query import StreamQuery
from service.api.stream.session import Session
from service.api.stream.waiting import WaitingRoom
from service.errors import Reason, ServiceError
from service.server.state import ServerState

PATH: Final = "/v1/stream"
router: Final = APIRouter(tags=[Tag.DETECTION])

SWITCHED: Final[Responses] = {
    101: {"description": "The connection is a WebSocket now: frames in binary messages, one JSON text for each frame"}
}


@router.websocket(PATH)
async def stream(socket: WebSocket) -> None:
    """Frames in, the targets of each out, in order."""
    state = socket.app.state
    server: ServerState = state.server
    query = read_query(socket.scope["query_string"], StreamQuery)
    server.check_ready()
    detector = server.repository.find(query.model, socket.scope["state"][REQUEST_ID])
    detector.check(query.options)
    with WaitingRoom(state.body_room, server.metrics.stream_dropped.inc) as waiting:
        session = Session(socket, server, query, detector, waiting)
        with server.streams.enter(session.drain):
            await socket.accept()
            await session.run()


@router.get(
    PATH,
    name="stream",
    summary="Find small targets in a stream of frames (WebSocket)",
    status_code=101,
    response_class=Response,
    responses=SWITCHED | problems(Reason.BAD_PARAMETER, Reason.UNKNOWN_MODEL, Reason.QUEUE_FULL, *CLOSED),
)
async def refuse_plain_request() -> Response:
    """A WebSocket: each binary message is one frame, each answer is one JSON text. The text `end` ends the stream.

    A request that is no WebSocket handshake gets 400.
    """
    detail = "this route is a WebSocket; connect with a WebSocket client, for example to ws://127.0.0.1:8000/v1/stream"
    raise ServiceError(Reason.BAD_PARAMETER, detail)
