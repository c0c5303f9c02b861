"""A running server: from its start to its first answer, whose targets are checked, to its end."""

import asyncio
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import uvloop

from benchmarks.environments import python_of
from benchmarks.peers import processes
from benchmarks.peers.contenders import NEAR, Contender
from benchmarks.peers.loads import Body
from benchmarks.serving.clients.http_client import Address, Answer, Lost, Refused, ask
from benchmarks.serving.clients.requests import Request
from benchmarks.serving.servers.cores import pinned
from service.settings import PREFIX
from tests.support.paths import ROOT

START_WITHIN_S: Final = 90.0
ANSWER_WITHIN_S: Final = 15.0
LOOK_EVERY_S: Final = 0.01
QUIET: Final = 0.1  # of a core: a server that uses less has nothing to do any more
QUIET_S: Final = 0.2
LAST_LINES: Final = 3  # of a log that become the reason why a server did not start
CLEARED: Final = ("OMP_", "PYTHON", "VIRTUAL_ENV", PREFIX)  # variables with these beginnings belong to this program


class Failed(Exception):
    """The server did not start, hung or answered wrongly; the message says it."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered its first frame ``ready_after_s`` after its start."""

    contender: Contender
    address: Address
    mark: str
    ready_after_s: float

    def settle(self) -> bool:
        """Wait until it has nothing to do; False if that takes longer than a new start would."""
        deadline = time.monotonic() + max(2.0, self.ready_after_s)
        while time.monotonic() < deadline:
            before = processes.cpu_s(self.mark)
            time.sleep(QUIET_S)
            if processes.cpu_s(self.mark) - before < QUIET * QUIET_S:
                return True
        return False


@contextmanager
def start(contender: Contender, body: Body, cores: Collection[int]) -> Iterator[Server]:
    """Start a server on these cores; all its processes are killed at the end of the block.

    Raises:
        Failed: it ended, or did not answer ``body`` in time.
    """
    mark, port = uuid4().hex, _free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        command = (python_of(contender), *contender.command(port, folder))
        with (folder / "log").open("wb") as log, pinned(cores):
            began = time.monotonic()
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment(contender.variables, mark, home_of(contender)),
                stdout=log,
                stderr=log,
            )
        try:
            address = Address("127.0.0.1", port)
            _wait(process, address, contender.request(body), folder / "log")
            ready_after_s = time.monotonic() - began
            processes.pin(mark, cores)
            yield Server(contender, address, mark, ready_after_s)
        finally:
            processes.kill(mark)
            process.wait()


def check(server: Server, bodies: Sequence[Body], expected: Sequence[Any]) -> None:
    """Compare answers, target by target, with those that are expected.

    Raises:
        Failed: a target is missing, superfluous, or elsewhere.
    """
    for body, frame in zip(bodies, expected, strict=True):
        answer = uvloop.run(_ask(server.address, server.contender.request(body)))
        if answer is None or answer.status != 200:
            raise Failed(f"no answer: {answer and answer.status}")
        if not is_right(server.contender, answer, frame):
            raise Failed(f"other targets than {centroids(frame)}: {answer.body[:200]!r}")


def is_right(contender: Contender, answer: Answer, expected: Any) -> bool:
    """Whether an answer has the expected targets."""
    try:
        found = centroids(contender.answer((answer.headers, answer.body)))
    except (ValueError, LookupError, TypeError):
        return False
    return is_same(found, centroids(expected), contender.near)


def centroids(frame: Any) -> list[tuple[float, float]]:
    """``(y, x)`` of the targets of an answer, from the top."""
    return sorted((target["centroid"]["y"], target["centroid"]["x"]) for target in frame["targets"])


def is_same(some: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]], near: float = NEAR) -> bool:
    """Whether both have the same targets, within so many pixels."""
    pairs = zip(some, others, strict=False)
    return all(max(abs(y - v), abs(x - u)) <= near for (y, x), (v, u) in pairs) and len(some) == len(others)


def home_of(contender: Contender) -> Path:
    """Its home folder: a start finds what earlier starts have left there, as on a user's machine."""
    home = Path(_homes().name) / re.sub(r"\W+", "-", contender.name)
    home.mkdir(exist_ok=True)
    return home


@cache
def _homes() -> "tempfile.TemporaryDirectory[str]":
    """Home folders, until this program ends."""
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def environment(variables: Mapping[str, str], mark: str, folder: Path) -> dict[str, str]:
    """Environment variables of a marked program; it finds the benchmark's modules, and no settings of this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CLEARED)}
    own = {"PYTHONPATH": str(ROOT), processes.MARK: mark, "HOME": str(folder)}
    return kept | own | dict(variables)


def _free_port() -> int:
    """A port that nobody uses, nor the two after it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _wait(process: "subprocess.Popen[bytes]", address: Address, request: Request, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        answer = uvloop.run(_ask(address, request))
        if answer is not None and answer.status == 200:
            return
        time.sleep(LOOK_EVERY_S)
    raise Failed(_reason(log.read_text(errors="replace")) or f"no answer within {START_WITHIN_S:.0f} s")


async def _ask(address: Address, request: Request) -> Answer | None:
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await ask(address, request.content)
    except (Refused, Lost, TimeoutError):
        return None


def _reason(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return " / ".join(lines[-LAST_LINES:])
