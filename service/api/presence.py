"""Work for a client that has left is dropped: its frames free their places before the device sees them."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from service.errors import Reason, ServiceError

T = TypeVar("T")


async def while_present(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``; the request's body must have been read.

    Raises:
        ServiceError: the client has left, so nobody reads this.
    """
    task, absence = asyncio.ensure_future(work), asyncio.ensure_future(_absence(request))
    try:
        await asyncio.wait({task, absence}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ServiceError(Reason.REQUEST_TIMEOUT, "the client left before the answer was ready")
    finally:
        task.cancel()
        absence.cancel()


async def _absence(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
