"""``service.asgi:app`` under servers of others, each a process of its own on a real port; or a server that runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, Final

import httpx

from tests.support.server import PATIENT
from tests.support.waiting import WITHIN_S, wait_until
from tests.support.wire import free_port

CONTRACT: Final = (  # tests that ask a server over HTTP, need no setting and see nothing of the process
    "tests/service/api/detect/test_detect.py",
    "tests/service/api/detect/test_preview.py",
    "tests/service/api/detect/test_signal.py",
    "tests/service/api/openinference/test_client.py",
    "tests/service/api/stream/test_stream.py",
    "tests/service/api/test_filenames.py",
    "tests/cases/test_cases.py::test_a_request_gets_its_right_answer",
)
CONTRACT_S: Final = 600  # all of them take minutes while other work runs on the machine
APP: Final = "service.asgi:app"
COMMANDS: Final = {
    "hypercorn": ["-m", "hypercorn", "--bind", "127.0.0.1:{port}", APP],
    "granian": ["-m", "granian", "--interface", "asgi", "--port", "{port}", APP],
    "ray": ["-m", "tests.distributed.cluster", "{port}"],
}


@contextmanager
def serving_under(server: str, **settings: Any) -> Iterator[httpx.Client]:
    """Run the application under ``server``, and give a client of it once it is ready.

    Args:
        server: one of ``COMMANDS``, or the address of a server that runs already, which keeps its settings.
        settings: as ``Settings`` names them.
    """
    if server.startswith("http"):
        assert not settings, f"{server} keeps its settings"
        with httpx.Client(base_url=server, timeout=60) as client:
            yield client
        return
    port = free_port()
    process = start_under(server, port, subprocess.DEVNULL, **settings)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_until(lambda: _is_ready(client), f"{server} does not become ready", 0.05)
            yield client
    finally:
        process.terminate()
        process.wait(WITHIN_S)


def start_under(server: str, port: int, log: int = subprocess.PIPE, **settings: Any) -> subprocess.Popen[str]:
    """Start the application under ``server``, with a log at ``log``."""
    command = [sys.executable, *(part.format(port=port) for part in COMMANDS[server])]
    return subprocess.Popen(command, env=environment(**settings), stdout=log, stderr=log, text=True)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def environment(**settings: Any) -> dict[str, str]:
    """The environment of a server with these settings, which refuses nothing because the machine is slow."""
    return os.environ | {f"RRCANET_{name.upper()}": _as_variable(value) for name, value in (PATIENT | settings).items()}


def _as_variable(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value.value if isinstance(value, Enum) else value)
