"""The CPUs that this process uses: how many, by a setting or as containers allow, and what they compute with."""

import math
import os
from pathlib import Path
from typing import Final

CGROUP = Path("/sys/fs/cgroup")
CPUINFO: Final = Path("/proc/cpuinfo")
BF16_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16"})
_chosen: int | None = None


def use_cpus(number: int | None) -> None:
    """What ``available_cpus`` gives from now on; None for as many as the process may use."""
    global _chosen
    _chosen = number


def available_cpus(cgroup: Path = CGROUP) -> int:
    """What ``use_cpus`` says, or the smaller of affinity and quota (cgroup v2 ``cpu.max``, v1 ``cpu.cfs_quota_us``)."""
    if _chosen is not None:
        return _chosen
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return allowed if quota is None else max(1, min(allowed, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """The quota in CPUs; None if there is no limit."""
    match _words(cgroup / "cpu.max"), _words(cgroup / "cpu/cpu.cfs_quota_us"), _words(cgroup / "cpu/cpu.cfs_period_us"):
        case [quota, period], _, _ if quota != "max":
            return int(quota) / int(period)
        case [], [quota], [period] if int(quota) > 0:
            return int(quota) / int(period)
    return None


def _words(path: Path) -> list[str]:
    return path.read_text().split() if path.is_file() else []


def has_bf16(cpuinfo: Path = CPUINFO) -> bool:
    """Whether the CPU computes in bfloat16. Without these instructions it emulates it, slower than float32."""
    return not BF16_FLAGS.isdisjoint(_flags(cpuinfo))


def has_avx512(cpuinfo: Path = CPUINFO) -> bool:
    """Whether a vector of the CPU has 16 lanes of 32 bits."""
    return "avx512bw" in _flags(cpuinfo)


def instructions(cpuinfo: Path = CPUINFO) -> str:
    """The names of the CPU's sets of instructions."""
    return " ".join(_flags(cpuinfo))


def _flags(cpuinfo: Path) -> list[str]:
    return next((line for line in _lines(cpuinfo) if line.startswith("flags")), "").split()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []
