"""What Label Studio sends."""

import asyncio
import time
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from service.api.body import enter, read_parts
from service.errors import Reason, ServiceError
from service.server.state import ServerState

MOST_TASKS: Final = 1000
MOST_FAULTS: Final = 8


class Message(BaseModel):
    """Fields that this server does not need are ignored."""

    model_config = ConfigDict(extra="ignore", defer_build=False)  # threads use it side by side


class Task(Message):
    """A task; its data has the address of its image."""

    id: int | None = None
    data: dict[str, Any]


class Prediction(Message):
    """Tasks that need predictions, and the labelling interface of their project."""

    tasks: list[Task] = Field(max_length=MOST_TASKS)
    label_config: str


class Setup(Message):
    """The labelling interface of a project."""

    interface: str | None = Field(None, alias="schema")


M = TypeVar("M", bound=Message)


async def read_message(request: Request, kind: type[M]) -> M:
    """The body of a request.

    Raises:
        ServiceError: ``bad_parameter``, or what reading a body raises.
    """
    server: ServerState = request.app.state.server
    _ = server.repository  # before a body is read
    settings = server.settings
    with await enter(request) as places:
        deadline = time.monotonic() + settings.request_timeout_s
        limits = settings.max_body_bytes, 1
        parts = await read_parts(request, places, *limits, deadline, None, Reason.REQUEST_TIMEOUT)
    try:
        return await asyncio.to_thread(kind.model_validate_json, parts[0].content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:MOST_FAULTS]]
        raise ServiceError(Reason.BAD_PARAMETER, "; ".join(faults)) from error
