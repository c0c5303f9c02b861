"""A server on a real port: in a thread of this process, or as a process of its own; and what tests ask of both."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from service.api.connection.server import Server
from service.settings import Settings
from tests.support.waiting import WITHIN_S, wait_until

CODE = "from service.cli import main; main()"
PATIENT: Final[dict[str, Any]] = {"latency_objective_ms": 3_600_000}  # the machine of the tests may be slow
Process = subprocess.Popen[str]
StartServer = Callable[..., httpx.Client]


@contextmanager
def serving(wait_ready: bool = True, **settings: Any) -> Iterator[httpx.Client]:
    """Run ``rrcanet serve`` in a thread, and give a client of it.

    A test can change the server's modules, and sees its log. What the server computes, the test's own thread waits for.

    Args:
        wait_ready: until the models are loaded.
        settings: as ``Settings`` names them.
    """
    server = Server(Settings(_env_file=None, port=0, **PATIENT | settings))  # type: ignore[call-arg]
    # a run that is slow to end must not end the process of the tests; a thread that never ends fails the test below
    setattr(server, "leave_stuck_threads", lambda: None)  # noqa: B010, because mypy refuses to assign a method
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server does not start")
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            if wait_ready:
                wait_until(lambda: client.get("/readyz").status_code == 200, "the server does not become ready")
            yield client
    finally:
        server.should_exit = True
        thread.join(WITHIN_S)
    assert not thread.is_alive(), "the server does not end"


@contextmanager
def running(
    others: Mapping[str, str] | None = None, code: str = CODE, working_folder: str | None = None, **settings: str
) -> Iterator[tuple[Process, httpx.Client]]:
    """Run ``rrcanet serve`` as a process until the block ends, and give the process, which is ready, and a client.

    Args:
        others: further variables of its environment.
        code: what Python runs.
        working_folder: its ``.env`` is read.
        settings: variables of its environment, without ``RRCANET_``.
    """
    environment = _environment(settings) | dict(others or {})
    process = subprocess.Popen(_command(code), env=environment, stderr=subprocess.PIPE, text=True, cwd=working_folder)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if match := re.search(r"running on (http://[\d.:]+)", line):
                break
        assert match
        with httpx.Client(base_url=match[1], timeout=60) as client:
            wait_until(lambda: client.get("/readyz").status_code == 200, "the process does not become ready", 0.05)
            yield process, client
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def failing(
    *arguments: str, code: str = CODE, others: Mapping[str, str] | None = None, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """Run ``rrcanet serve`` as a process that ends by itself; ``code`` is what Python runs."""
    command, environment = [*_command(code), *arguments], _environment(settings) | dict(others or {})
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def wait_for_frames(client: httpx.Client, count: int) -> None:
    """Wait until so many frames are inside the server: they wait, are read, or are on the device."""
    inside = f"rrcanet_queue_frames {count}.0"
    wait_until(lambda: inside in client.get("/metrics").text, f"{count} frames do not come in")


def _command(code: str) -> list[str]:
    return [sys.executable, "-c", code, "serve", "--port", "0"]


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    patient = {f"RRCANET_{name.upper()}": str(value) for name, value in PATIENT.items()}
    return patient | os.environ | {f"RRCANET_{name}": value for name, value in settings.items()}
