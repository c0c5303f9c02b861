"""The ASGI application for any server, such as ``hypercorn service.asgi:app``.

Settings come from the environment and from ``.env``, as for ``rrcanet serve``. The server itself decides about its
address, connections, keep-alive, slow clients and the end of the process. ``rrcanet serve`` is the way that is tuned.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import Receive, Scope, Send

from service.api.app import create_app, lifespan
from service.api.disconnect import NoticeDisconnect
from service.observability.logs import set_up_logs
from service.server.state import Phase, ServerState
from service.settings import Settings, load_settings

LOOK_EVERY_S: Final = 0.5


class PortableApp:
    """The application of one process. Its lifespan begins with models that are loaded and checked, or fails.

    Attributes:
        state: of this process.
    """

    def __init__(self, settings: Settings) -> None:
        set_up_logs(settings.log_format)
        self.state = ServerState(settings, reread=load_settings)
        self._app = NoticeDisconnect(create_app(self.state, around=self._loaded))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, a stream or the lifespan."""
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def _loaded(self, shared: dict[str, object]) -> AsyncIterator[dict[str, object]]:
        async with lifespan(self.state, shared) as known:
            await _until_loaded(self.state)
            watch = asyncio.create_task(_end_without_device(self.state))
            yield known
            watch.cancel()


async def _until_loaded(state: ServerState) -> None:
    while state.phase is Phase.STARTING and state.fault is None:
        await asyncio.sleep(0.02)
    if state.fault is not None:
        raise RuntimeError(str(state.fault))


async def _end_without_device(state: ServerState) -> None:
    """Ask the server to stop if the device is lost: only a new process can use it again."""
    while state.fault is None:
        await asyncio.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)


app = PortableApp(load_settings())
