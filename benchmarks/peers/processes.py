"""All processes of a server, wherever they hang in the tree: a variable of their environment marks them."""

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.servers.process import proportional_mb

MARK = "PEERS_SERVER"  # environment variable; a server that leaves its parent's group still has it
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
GONE_WITHIN_S = 10.0


def pids(mark: str) -> list[int]:
    """Processes whose environment has the mark."""
    entry = f"{MARK}={mark}".encode()
    return [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit() and _has(place, entry)]


def cpu_s(mark: str) -> float:
    """CPU seconds of the processes and of their children that have ended."""
    return sum(_cpu_s(pid) for pid in pids(mark))


def resident_mb(mark: str) -> float:
    """Resident memory of all processes, MB of 10^6 bytes; of a page that several share, each has its part (PSS)."""
    return sum(_pss_mb(pid) for pid in pids(mark))


def own_resident_mb() -> float:
    """The same of this process."""
    return _pss_mb(os.getpid())


def pin(mark: str, cores: Collection[int]) -> None:
    """Keep every thread on these cores, also one that had chosen others."""
    for pid in pids(mark):
        with suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


def kill(mark: str) -> None:
    """Kill all of them, and wait until they are gone."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while (found := pids(mark)) and time.monotonic() < deadline:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Moment:
    """CPU seconds so far: of a server's processes, and of everything on its core."""

    at: float
    own_s: float
    core_s: float

    @classmethod
    def now(cls, mark: str, core: int) -> "Moment":
        """Look at the clocks."""
        return cls(time.monotonic(), cpu_s(mark), core_s(core))

    def others(self, begin: "Moment") -> float:
        """The share of the core that other programs took since ``begin``."""
        return max(0.0, (self.core_s - begin.core_s) - (self.own_s - begin.own_s)) / (self.at - begin.at)


def core_s(core: int) -> float:
    """Seconds for which the core ran programs, or which the host gave to other machines."""
    lines = Path("/proc/stat").read_text().splitlines()
    (fields,) = (line.split()[1:] for line in lines if line.startswith(f"cpu{core} "))
    user, nice, system, _, _, _, _, stolen = (int(field) for field in fields[:8])
    return (user + nice + system + stolen) * TICK_S


def _has(place: Path, entry: bytes) -> bool:
    try:
        return entry in (place / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _cpu_s(pid: int) -> float:
    fields = _after_name(pid)
    return sum(int(field) for field in fields[11:15]) * TICK_S


def _after_name(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` from the third on; zeros for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["0"] * 50


def _pss_mb(pid: int) -> float:
    try:
        return proportional_mb(pid)
    except OSError:
        return 0.0
