"""Work for a client that has left is dropped: its frames free their places before the device sees them."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request

from service.errors import Reason, ServiceError

T = TypeVar("T")


async def while_present(request: Request, work: Awaitable[T]) -> T:
    """The result of ``work``; the request's body must have been read.

    Raises:
        ServiceError: the client has left, so nobody reads this.
    """
    worker = asyncio.current_task()
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        has_left = True
        if worker is not None:
            worker.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if has_left and worker is not None and not worker.uncancel():
            raise ServiceError(Reason.REQUEST_TIMEOUT, "the client left before the answer was ready") from None
        raise
    finally:
        watching.cancel()
