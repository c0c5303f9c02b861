"""Start ``rrcanet serve`` as a separate process on given cores."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.serving.clients.http_client import Address
from benchmarks.serving.servers.cores import pinned
from service.settings import PREFIX

PLAIN = ("-c", "from service.cli import main; main()")
SERVE = ("serve", "--port", "0")
START_WITHIN_S = 60.0
LOOK_EVERY_S = 0.02  # each answer of /readyz costs the server CPU time that is measured


class StartFault(Exception):
    """The server did not become ready; the message is its log."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that was ready ``ready_after_s`` seconds after its process began."""

    process: "subprocess.Popen[bytes]"
    address: Address
    ready_after_s: float
    log: Path

    def errors(self) -> list[str]:
        """Lines that the server logged at level ERROR."""
        return [line for line in self.log.read_text().splitlines() if " ERROR " in line]


@contextmanager
def serve(cores: Collection[int], program: Sequence[str] = PLAIN, **settings: str) -> Iterator[Served]:
    """Start a server; kill it at the end of the block if it still runs.

    Args:
        program: arguments that make Python run ``rrcanet``.
        settings: by name without the prefix; all others keep their defaults, the environment is ignored. Without
            ``engine_cache`` an empty folder is taken, so that no start depends on those before it.

    Raises:
        StartFault: the process ended, or was not ready within a minute.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with TemporaryDirectory() as folder:
        chosen = {"engine_cache": f"{folder}/networks"} | settings
        environment |= {f"{PREFIX}{name.upper()}": value for name, value in chosen.items()}
        log = Path(folder) / "log"
        with log.open("wb") as sink, pinned(cores):
            began = time.monotonic()
            process = subprocess.Popen((sys.executable, *program, *SERVE), env=environment, stderr=sink)
        try:
            address = _wait_until_ready(process, log)
            yield Served(process, address, time.monotonic() - began, log)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: Path) -> Address:
    deadline = time.monotonic() + START_WITHIN_S
    address = None
    while process.poll() is None and time.monotonic() < deadline:
        address = address or _address(log)
        if address is not None and _is_ready(address):
            return address
        time.sleep(LOOK_EVERY_S)
    raise StartFault(log.read_text())


def _address(log: Path) -> Address | None:
    match = re.search(r"running on http://([\d.]+):(\d+)", log.read_text())
    return Address(match[1], int(match[2])) if match else None


def _is_ready(address: Address) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address.host}:{address.port}/readyz") as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return False
