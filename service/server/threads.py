"""Threads of requests that do not end: a decoder or a library may take longer than any deadline."""

import time
from collections.abc import Collection
from typing import Any, Final

from service.engine.engine import Request
from service.runtime.cpus import available_cpus

STUCK_AFTER_S: Final = 1.0  # since the deadline of the request


def stuck(running: Collection[Request[Any]]) -> list[Request[Any]]:
    """The requests whose threads still run although nobody has waited for them for a while."""
    latest = time.monotonic() - STUCK_AFTER_S
    return [request for request in list(running) if request.latest < latest]


def can_read(running: Collection[Request[Any]]) -> bool:
    """Whether a further request could be read: as many are read at once as there are CPUs."""
    reading = [one for one in stuck(running) if one.timing.read_began is not None and one.timing.read_ended is None]
    return len(reading) < available_cpus()
