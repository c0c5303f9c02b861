"""CPU time and memory of another process, from ``/proc``."""

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

IDLE_S: Final = 0.5
IDLE_SHARE: Final = 0.1  # of a core: what a server without requests never takes


def cpu_seconds(pid: int) -> float:
    """CPU time of the threads that are alive, from the scheduler's count of nanoseconds."""
    used = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            used += int((thread / "schedstat").read_text().split()[0])
    return used / 1e9


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
    """Return once a server without requests computes nothing any more: it may still compile networks."""
    used = cpu_seconds(pid)
    share = 1.0
    while share > IDLE_SHARE:
        time.sleep(IDLE_S)
        before, used = used, cpu_seconds(pid)
        share = (used - before) / IDLE_S


def _status_mb(pid: int, field: str) -> float:
    match = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) * 1024 / 1e6
