"""Returns freed memory to the system, so that the resident memory is the memory in use; and garbage collection."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

M_TRIM_THRESHOLD: Final = -1  # malloc.h of glibc
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
ARENAS: Final = 2  # by default glibc makes one for nearly every thread, and each keeps freed blocks of its own
LARGE: Final = 2 << 20  # bytes; arrays of an ordinary frame are smaller, and new pages for each would cost 1 ms a frame
KEPT: Final = 8 << 20  # bytes of free memory that an arena keeps at its end, for the next frame


def return_large_blocks() -> None:
    """Make glibc map and unmap blocks of two megabytes and more one by one.

    By default glibc stores blocks of up to 32 MB among small blocks, once it has seen such a block freed. The blocks of
    a replaced model then leave holes that stay resident. Another C library is left as it is.
    """
    if library := _glibc():
        library.mallopt(M_MMAP_THRESHOLD, LARGE)
        library.mallopt(M_TRIM_THRESHOLD, KEPT)
        library.mallopt(M_ARENA_MAX, ARENAS)


def return_free_pages() -> None:
    """Return small blocks too, where they leave whole pages free."""
    if library := _glibc():
        library.malloc_trim(0)


@contextmanager
def without_collections() -> Iterator[None]:
    """Looks for no garbage while modules are imported: it takes a tenth of the time, and modules stay anyway.

    Afterwards no collection looks at what is there: a full one would stop all threads for 50 ms. So this is for
    imports, which happen once: garbage that is there already would stay, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _glibc() -> ctypes.CDLL | None:
    library = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    return library if library is not None and hasattr(library, "malloc_trim") else None
