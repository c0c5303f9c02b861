"""Separate cores for the server and the load generator, so that neither slows the other."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager


def share_out() -> tuple[set[int], set[int]]:
    """One core for the server and another for the generator; on a machine with one core both get that one."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[0]}, {cores[-1]}


@contextmanager
def pinned(cores: Collection[int]) -> Iterator[None]:
    """Keep this thread, and all threads and processes that it starts, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
