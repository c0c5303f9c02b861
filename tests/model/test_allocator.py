"""Memory that one training step frees serves the next."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from model.allocator import keep_freed_memory

assert keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    for _ in range(20):
        [torch.ones(n << 18) + 1 for n in range(1, 9)]

work()
work()
before = faults()
work()
print(faults() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has the option")
def test_large_tensors_cause_no_page_faults_once_their_memory_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 256  # thousands without
