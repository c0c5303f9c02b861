"""What the C library does with the memory of feature maps between two steps."""

import ctypes
import sys
from typing import Final

# malloc.h of glibc
M_TRIM_THRESHOLD: Final = -1
M_TOP_PAD: Final = -2
M_MMAP_MAX: Final = -4
NEVER: Final = -1
TOP_PAD: Final = 256 << 20  # bytes taken from the system at once


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed for the next tensors of this process; False where the C library is another.

    By default every large tensor is mapped anew and its pages are zeroed at first touch, thousands of page faults a
    training step on the CPU.
    """
    if not sys.platform.startswith("linux") or not hasattr(library := ctypes.CDLL(None), "mallopt"):
        return False
    return all(
        library.mallopt(option, value) == 1
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER), (M_TOP_PAD, TOP_PAD))
    )
