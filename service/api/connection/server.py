"""Uvicorn's server with a shutdown that loses no request."""

import asyncio
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

import uvicorn

from service.api.app import create_app
from service.api.connection.limits import most_connections, raise_descriptor_limit
from service.api.connection.protocol import BoundedHttp
from service.api.connection.websocket import BoundedWebSocket
from service.server.loading import Loading
from service.server.state import LAST_RUN_S, Phase, ServerState
from service.settings import Settings

LAST_ACCEPT_S: Final = 5.0  # at the end, connections are still accepted from the backlog for at most this long
OTHER_ADDRESS: Final = "choose another with --host and --port, or with RRCANET_HOST and RRCANET_PORT"
LAST_READ_S: Final = 0.1  # for the request of the connection that was accepted last

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Drains with an open listener; uvicorn's own shutdown refuses connections at once.

    After the first signal readiness falls, and requests are still served for ``DRAIN_DELAY_S``. Then new requests are
    answered with 503, until all accepted requests are answered.
    """

    def __init__(
        self, settings: Settings, reread: Callable[[], Settings] | None = None, loading: Loading | None = None
    ) -> None:
        self.state = ServerState(settings, self._stop, reread, loading)
        self._drain_delay, self._signals = settings.drain_delay_s, 0
        config = uvicorn.Config(
            create_app(self.state, most_connections(settings.max_connections, raise_descriptor_limit())),
            host=settings.host,
            port=settings.port,
            http=BoundedHttp,
            ws=BoundedWebSocket,
            ws_max_size=settings.max_body_bytes,
            ws_per_message_deflate=False,  # frames are compressed already, or noise
            loop="uvloop",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # no answer depends on the address of the client
            lifespan="on",
            timeout_keep_alive=settings.keep_alive_s,
            timeout_graceful_shutdown=int(settings.request_timeout_s) + 1,
        )
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def exit_code(self) -> int:
        """0, or 1 and a line in the log that says why."""
        if self.state.fault is None:
            return 0
        logger.critical("%s", self.state.fault)
        return 1

    def leave_stuck_threads(self) -> NoReturn:
        """End the process at once: Python would wait for its threads, and CUDA for a run that never ends."""
        exit_code = self.exit_code
        logger.warning("a thread has not ended; the process ends without it")
        logging.shutdown()
        os._exit(exit_code)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: drain without delay. Third: end without answering accepted requests.

        Uvicorn's own method raises the signal again at the end. A drained process exits with 0.
        """
        self.config.encoded_headers = [(b"connection", b"close")]  # so that clients connect to another process
        self._signals += 1
        asyncio.get_running_loop().call_soon_threadsafe(logger.info, "%s: stopping", signal.Signals(sig).name)
        if self._signals > 2:
            self.force_exit = self.should_exit = True
        elif self._signals == 1 and self.state.phase is Phase.READY and self._drain_delay > 0:
            self.state.phase = Phase.DRAINING
            asyncio.get_running_loop().call_soon_threadsafe(self._refuse_later)
        else:
            self._refuse()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to close the listener and end."""
        if self.state.phase is Phase.REFUSING:
            self.state.streams.drain()
            if not self.state.engine.admission.inside:
                self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's. Afterwards SIGHUP reloads the models and the keys."""
        try:
            await super().startup(sockets or self._both_stacks())
        except SystemExit:  # uvicorn has logged the error of the operating system
            host, port = self.state.settings.host, self.state.settings.port
            logger.critical("the service cannot listen on %s, port %d; %s", host, port, OTHER_ADDRESS)
            raise
        self._loop = asyncio.get_running_loop()

    def handle_hangup(self, *_: object) -> None:
        """SIGHUP. Before the start and after the end there is nothing to reload, and the signal ends no process."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.state.reload_soon)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, after every connection in the backlog was accepted: closing the listener would reset them."""
        self.state.streams.drain()
        deadline = time.monotonic() + LAST_ACCEPT_S
        listeners = [listener for server in self.servers for listener in server.sockets]
        while time.monotonic() < deadline and listeners and select.select(listeners, [], [], 0)[0]:
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_READ_S)
        await super().shutdown(sockets)
        if self.state.is_stuck:  # asyncio waits for its threads
            timer = threading.Timer(LAST_RUN_S, self.leave_stuck_threads)
            timer.daemon = True
            timer.start()

    def _both_stacks(self) -> list[socket.socket] | None:
        """For ``::`` a socket that takes IPv4, too: asyncio's own would take IPv6 alone. None for other addresses."""
        settings = self.state.settings
        if settings.host != "::" or not socket.has_dualstack_ipv6():
            return None
        try:
            listener = socket.create_server(("::", settings.port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as error:
            logger.error("%s", error)
            raise SystemExit(1) from error
        logger.info("running on http://[::]:%d (IPv6 and IPv4)", listener.getsockname()[1])
        return [listener]

    def _refuse_later(self) -> None:
        asyncio.get_running_loop().call_later(self._drain_delay, self._refuse)

    def _refuse(self) -> None:
        self.state.phase = Phase.REFUSING

    def _stop(self) -> None:
        self.should_exit = True
