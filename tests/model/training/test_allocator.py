"""Memory that one training step frees serves the next."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys, torch
from model.training.allocator import keep_freed_memory

assert sys.argv[1] == "system" or keep_freed_memory()

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

before = resident()
tensors = [torch.ones(2 << 20) for _ in range(20)]
del tensors
print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has the option")
def test_what_tensors_leave_stays_with_the_process() -> None:
    def left(who: str) -> float:
        done = subprocess.run([sys.executable, "-c", SCRIPT, who], capture_output=True, text=True, check=True)
        return float(done.stdout)

    assert left("ours") > 150  # MiB, of 160
    assert left("system") < 30
