"""Work for a client that has left is dropped: its frames free their places before the device sees them."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from starlette.requests import Request

from service.api.interrupt import Interrupt, Interrupted
from service.errors import Reason, ServiceError

T = TypeVar("T")
LEFT: Final = "left"  # in the state of a request: a future, done when its connection is lost


async def while_present(request: Request, work: Awaitable[T]) -> T:
    """The result of ``work``; the request's body must have been read.

    Raises:
        ServiceError: the client has left, so nobody reads this.
    """
    interrupt = Interrupt()
    left: asyncio.Future[None] = request.scope["state"][LEFT]
    left.add_done_callback(interrupt.end)
    try:
        with interrupt:
            return await work
    except Interrupted:
        raise ServiceError(Reason.REQUEST_TIMEOUT, "the client left before the answer was ready") from None
    finally:
        left.remove_done_callback(interrupt.end)
