"""``rrcanet serve``."""

import logging
import signal
import sys
from functools import partial

import click

from service.commands.options import engine_option, precision_option
from service.early import handle_early_signals, ignore_late_hangups
from service.observability.logs import occupy_standard_streams, set_up_logs, skip_unused_fields
from service.runtime import Device
from service.server.imports import lean_imports
from service.server.loading import Loading
from service.server.memory import return_large_blocks, without_collections
from service.settings import SettingsFault, injected_settings, load_settings

SWITCH_S = 0.0005  # a thread that computes gives way to the event loop after this time; by default after ten times it
EPILOG = "Example: RRCANET_DEVICE=cuda rrcanet serve --port 9000"

logger = logging.getLogger(__name__)


@click.command("serve", epilog=EPILOG)
@click.option("--host", help="Address to listen on. Default: RRCANET_HOST, or 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port. Default: RRCANET_PORT, or 8000. 0 takes a free port."
)
@click.option("--device", type=click.Choice([one.value for one in Device]), help="Default: RRCANET_DEVICE, or auto.")
@engine_option
@precision_option
def serve_command(
    host: str | None, port: int | None, device: Device | None, engine: str | None, precision: str | None
) -> None:
    """Serve POST /v1/detect over HTTP until SIGTERM or SIGINT.

    Settings come from the environment or .env, each with the prefix RRCANET_. Exit code 2: a setting is wrong.
    Exit code 1: a model cannot be served, or the port is in use.
    """
    occupy_standard_streams()
    handle_early_signals()  # again, for programs that call this command in another way than by its name
    read_settings = partial(
        load_settings, "--", host=host, port=port, device=device, engine=engine, precision=precision
    )
    try:
        settings = read_settings()
    except SettingsFault as fault:
        raise click.UsageError(str(fault)) from fault
    set_up_logs(settings.log_format)
    skip_unused_fields()
    for name, value in injected_settings().items():
        logger.info(
            "%s=%s is the address of a Service that Kubernetes injects; it is ignored as a setting", name, value
        )
    return_large_blocks()
    sys.setswitchinterval(SWITCH_S)
    loading = Loading(settings)
    loading.begin()
    with without_collections(), lean_imports():
        from service.api.connection.server import Server  # takes longest of all, and the models load in the meantime

        server = Server(settings, read_settings, loading)
    signal.signal(signal.SIGHUP, server.handle_hangup)
    try:
        server.run()
    except SystemExit as stop:  # uvicorn has logged why
        raise click.exceptions.Exit(1) from stop
    finally:
        ignore_late_hangups()
    if server.state.is_stuck:
        server.leave_stuck_threads()
    raise click.exceptions.Exit(server.exit_code)
