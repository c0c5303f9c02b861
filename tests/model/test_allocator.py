"""Memory that one training step frees serves the next."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from model.allocator import keep_freed_memory

assert sys.argv[1] == "system" or keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    for _ in range(20):
        tensors = [torch.ones(n << 18) + 1 for n in range(1, 9)]

work()
before = faults()
work()
print(faults() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has the option")
def test_large_tensors_cause_no_page_faults_once_their_memory_is_there() -> None:
    def faults(who: str) -> int:
        done = subprocess.run([sys.executable, "-c", SCRIPT, who], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("ours") < faults("system") / 20
