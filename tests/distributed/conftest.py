"""One Ray cluster for all tests that need one."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.service.other_servers import COMMANDS, environment
from tests.support.paths import ROOT
from tests.support.waiting import WITHIN_S
from tests.support.wire import free_port

REPLICA = "ray::ServeReplica:rrcanet:detection"


@dataclass(frozen=True)
class TwoNodes:
    """A cluster with a replica of the service on each of its nodes.

    Attributes:
        address: of the cluster.
        client: of the service.
        pid: of the process that started both nodes.
    """

    address: str
    client: httpx.Client
    pid: int

    def replicas(self) -> list[int]:
        """Process ids of the replicas."""
        found = (int(path.name) for path in Path("/proc").glob("[0-9]*") if _title(path).startswith(REPLICA))
        return sorted(pid for pid in found if self.pid in _ancestors(pid))


@pytest.fixture(scope="session")
def two_nodes() -> Iterator[TwoNodes]:
    """Started once; every test leaves two replicas that are ready."""
    port = free_port()
    command = [sys.executable, *(part.format(port=port) for part in COMMANDS["ray"])]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert any(line == "ready\n" for line in process.stdout), "the cluster does not start"
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield TwoNodes(address, client, process.pid)
    finally:
        process.terminate()
        process.wait(WITHIN_S)
        process.stdout.close()


def _title(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it has ended
        return ""


def _ancestors(pid: int) -> list[int]:
    parents = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        parents.append(pid)
    return parents
