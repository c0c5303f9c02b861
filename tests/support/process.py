"""``rrcanet serve`` as a process of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

CODE = "from service.cli import main; main()"
Process = subprocess.Popen[str]


@contextmanager
def running(
    others: Mapping[str, str] | None = None, code: str = CODE, **settings: str
) -> Iterator[tuple[Process, httpx.Client]]:
    """A process that is ready, and a client of it.

    Args:
        others: variables of its environment besides the settings.
        code: what Python runs.
    """
    environment = _environment(settings) | dict(others or {})
    process = subprocess.Popen(_command(code), env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if match := re.search(r"running on (http://[\d.:]+)", line):
                break
        assert match
        with httpx.Client(base_url=match[1]) as client:
            while client.get("/readyz").status_code != 200:
                time.sleep(0.05)
            yield process, client
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def failing(
    *arguments: str, code: str = CODE, others: Mapping[str, str] | None = None, **settings: str
) -> "subprocess.CompletedProcess[str]":
    """A process that ends by itself; ``code`` is what Python runs."""
    command, environment = [*_command(code), *arguments], _environment(settings) | dict(others or {})
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def _command(code: str) -> list[str]:
    return [sys.executable, "-c", code, "serve", "--port", "0"]


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    return os.environ | {f"RRCANET_{name}": value for name, value in settings.items()}
