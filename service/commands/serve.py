"""``rrcanet serve``."""

import asyncio
import logging
import os
import select
import signal
import socket
import threading
import time
from types import FrameType
from typing import Final, NoReturn

import click
import uvicorn

from service.api.app import create_app
from service.api.connection.protocol import BoundedHttp
from service.observability.logs import set_up_logs
from service.runtime import Device
from service.server.memory import return_large_blocks
from service.server.state import LAST_RUN_S, Phase, Serving
from service.settings import Settings, SettingsFault, injected_settings, load_settings

LAST_CALL_S: Final = 5.0  # at most so long, connections are still taken from the backlog at the end
HEARING_S: Final = 0.1  # for the requests of the last of them to arrive
EPILOG = "Example: RRCANET_DEVICE=cuda rrcanet serve --port 9000"

logger = logging.getLogger(__name__)


@click.command("serve", epilog=EPILOG)
@click.option("--host", help="Address to listen on; RRCANET_HOST by default, or 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port; RRCANET_PORT by default, or 8000. 0 takes a free one."
)
@click.option("--device", type=click.Choice([one.value for one in Device]), help="RRCANET_DEVICE by default, or auto.")
def serve_command(host: str | None, port: int | None, device: Device | None) -> None:
    """Serve POST /v1/detect over HTTP until SIGTERM or SIGINT.

    Settings come from the environment or .env, each with the prefix RRCANET_. Exit code 2: a setting is wrong;
    1: a model cannot be served, or the port is taken.
    """
    try:
        settings = load_settings(host=host, port=port, device=device)
    except SettingsFault as fault:
        raise click.UsageError(str(fault)) from fault
    set_up_logs(settings.log_format)
    for name, value in injected_settings().items():
        logger.info("%s=%s is Kubernetes' address of a Service, no setting: it counts as not given", name, value)
    return_large_blocks()
    signal.signal(signal.SIGTERM, _end)
    server = Server(settings)
    try:
        server.run()
    except SystemExit as stop:  # uvicorn has said why
        raise click.exceptions.Exit(1) from stop
    _finish(server.serving)


def _finish(serving: Serving) -> None:
    """Exit code 1, and why, where something was wrong."""
    if serving.is_stuck:
        _leave_behind(serving)
    raise click.exceptions.Exit(_tell(serving))


def _tell(serving: Serving) -> int:
    """The exit code, and in the log why."""
    if serving.fault is None:
        return 0
    logger.critical("%s", serving.fault)
    return 1


def _leave_behind(serving: Serving) -> NoReturn:
    """A run that does not end would keep CUDA from being put away, and so the process."""
    exit_code = _tell(serving)
    logger.warning("a run has not ended, and is left behind")
    logging.shutdown()
    os._exit(exit_code)


def _end(*_: object) -> None:
    """A signal that comes before the server listens to signals."""
    raise click.exceptions.Exit(0)


class Server(uvicorn.Server):
    """Uvicorn that drains with an open listener, where its own shutdown would refuse connections.

    After the first signal readiness falls, and requests are served for a while yet; then new ones are answered with
    503, until all that was accepted is answered.
    """

    def __init__(self, settings: Settings) -> None:
        self.serving = Serving(settings, stop=self._stop)
        self._drain_delay, self._signals = settings.drain_delay_s, 0
        config = uvicorn.Config(
            create_app(self.serving),
            host=settings.host,
            port=settings.port,
            http=BoundedHttp,
            ws="none",
            loop="uvloop",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # no answer depends on who asks
            lifespan="on",
            timeout_graceful_shutdown=int(settings.request_timeout_s) + 1,
        )
        super().__init__(config)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """First signal: drain. Second: drain without delay. Third: end without answering what is inside.

        Uvicorn's own would raise the signal again at the end; a drained process exits with 0.
        """
        self.config.encoded_headers = [(b"connection", b"close")]  # so that clients come back elsewhere
        self._signals += 1
        if self._signals > 2:
            self.force_exit = self.should_exit = True
        elif self._signals == 1 and self.serving.phase is Phase.READY and self._drain_delay > 0:
            self.serving.phase = Phase.DRAINING
            asyncio.get_running_loop().call_soon_threadsafe(self._refuse_later)
        else:
            self._refuse()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to close the listener, and end."""
        if self.serving.phase is Phase.REFUSING and not self.serving.engine.admission.inside:
            self.should_exit = True
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; SIGHUP looks at the model files."""
        await super().startup(sockets)
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.serving.reload_soon)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, after everybody who is connected by now was heard: closing resets who waits in the backlog."""
        deadline = time.monotonic() + LAST_CALL_S
        listeners = [listener for server in self.servers for listener in server.sockets]
        while time.monotonic() < deadline and listeners and select.select(listeners, [], [], 0)[0]:
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        await asyncio.sleep(HEARING_S)
        await super().shutdown(sockets)
        if self.serving.is_stuck:  # asyncio would wait for the thread
            timer = threading.Timer(LAST_RUN_S, _leave_behind, (self.serving,))
            timer.daemon = True
            timer.start()

    def _refuse_later(self) -> None:
        asyncio.get_running_loop().call_later(self._drain_delay, self._refuse)

    def _refuse(self) -> None:
        self.serving.phase = Phase.REFUSING

    def _stop(self) -> None:
        self.should_exit = True
