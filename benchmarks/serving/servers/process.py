"""CPU time and memory of another process."""

import re
import time
from pathlib import Path
from typing import Final

OF_ALL_THREADS: Final = 2  # of clock identifiers: what the scheduler has counted
IDLE_S: Final = 0.5
SETTLES_WITHIN_S: Final = 120.0
IDLE_SHARE: Final = 0.1  # of a core: what a server without requests never takes


def cpu_seconds(pid: int) -> float:
    """CPU time of all its threads, also of those that have ended, by the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | OF_ALL_THREADS)


def resident_mb(pid: int) -> float:
    """Resident memory, MB of 10^6 bytes."""
    return _status_mb(pid, "VmRSS")


def proportional_mb(pid: int) -> float:
    """Resident memory, MB of 10^6 bytes; of a page that several processes share, each has its part (PSS).

    A process that has ended has none.
    """
    match = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 / 1e6 if match else 0.0


def most_resident_mb(pid: int) -> float:
    """Peak of the resident memory, MB of 10^6 bytes."""
    return _status_mb(pid, "VmHWM")


def reset_most_resident(pid: int) -> None:
    """Let the peak begin again, at what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def settle(pid: int) -> None:
    """Return once a server without requests computes nothing any more: it may still compile networks.

    Raises:
        TimeoutError: it has not come to rest after ``SETTLES_WITHIN_S``.
    """
    deadline = time.monotonic() + SETTLES_WITHIN_S
    used = cpu_seconds(pid)
    share = 1.0
    while share > IDLE_SHARE:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} still computes after {SETTLES_WITHIN_S:g} s without requests")
        time.sleep(IDLE_S)
        before, used = used, cpu_seconds(pid)
        share = (used - before) / IDLE_S


def _status_mb(pid: int, field: str) -> float:
    match = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024 / 1e6
