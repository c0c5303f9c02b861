"""Memory that is freed leaves the process, though something small that stays lies behind it."""

import subprocess
import sys

import pytest

LARGE = """
bytearray(30 << 20)  # freed at once: from now on glibc would put blocks as large as this among the small ones
blocks = [(b'x' * (8 << 20), bytearray(100_000)) for _ in range(10)]
stays = [small for _, small in blocks]
"""
SMALL = """
blocks = [b'x' * (1000 + n % 7) for n in range(80_000)]
stays = blocks[::1000]
"""
PROGRAM = """
from service.server.memory import return_free_pages, return_large_blocks

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

{first}
{fill}
full = resident()
del blocks
{then}
print(full - resident())
"""


def freed(fill: str, first: str = "", then: str = "") -> float:
    """MB that leave a process which lets go of some 80 MB."""
    program = PROGRAM.format(fill=fill, first=first, then=then)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc alone")


def test_large_blocks_go_back_at_once() -> None:
    assert freed(LARGE, first="return_large_blocks()") > 70
    assert freed(LARGE) < 40, "what this is for"


def test_free_pages_go_back_when_asked_for() -> None:
    assert freed(SMALL, then="return_free_pages()") > 60
    assert freed(SMALL) < 40, "what this is for"
