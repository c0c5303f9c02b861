"""What the process frees goes back to the system, so that what stays resident is what is in use."""

import ctypes
import sys
from typing import Final

M_MMAP_THRESHOLD: Final = -3  # malloc.h of glibc
M_ARENA_MAX: Final = -8
ARENAS: Final = 2  # by default glibc makes one for nearly every thread, and each keeps freed blocks of its own
LARGE: Final = 1 << 20  # bytes


def return_large_blocks() -> None:
    """Blocks of a megabyte and more are mapped and unmapped one by one.

    By default glibc puts blocks of up to 32 MB among the small ones once it has seen one freed; of a model that has
    been replaced they leave holes, and those stay resident. Another C library is left as it is.
    """
    if library := _glibc():
        library.mallopt(M_MMAP_THRESHOLD, LARGE)
        library.mallopt(M_ARENA_MAX, ARENAS)


def return_free_pages() -> None:
    """Small blocks too, where whole pages are free."""
    if library := _glibc():
        library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    return library if library is not None and hasattr(library, "malloc_trim") else None
