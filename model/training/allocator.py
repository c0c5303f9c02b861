"""Settings of the C library's memory allocator that make training on a CPU faster."""

import ctypes
import sys
from typing import Final

# option numbers of glibc's malloc.h
M_TRIM_THRESHOLD: Final = -1
M_TOP_PAD: Final = -2
M_MMAP_MAX: Final = -4
NEVER: Final = -1
TOP_PAD: Final = 256 << 20  # bytes requested from the system at a time


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next tensors of this process.

    By default glibc maps new memory for every large tensor, and the system zeroes each page at its first use. On a CPU
    this causes thousands of page faults per training step.

    Returns:
        False if the C library is not glibc.
    """
    if not sys.platform.startswith("linux") or not hasattr(library := ctypes.CDLL(None), "mallopt"):
        return False
    return all(
        library.mallopt(option, value) == 1
        for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, NEVER), (M_TOP_PAD, TOP_PAD))
    )
