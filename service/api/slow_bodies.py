"""Which body is given up when every place is taken or memory is short: slow clients must not keep all others out."""

from collections import Counter
from collections.abc import Collection
from typing import Final, Protocol, TypeVar

SPARED_S: Final = 0.5  # a body that has arrived for less time gives nothing up,
FAIR_BODIES: Final = 4  # unless its address sends more bodies than this at the same time
FAST_BYTES_S: Final = 16_384  # a body that arrives faster gives nothing up


class Body(Protocol):
    """A body that is still arriving; ``api/body.py`` describes the attributes."""

    client: str
    began: float | None
    size: int

    def rate(self, now: float) -> float: ...

    @property
    def fault(self) -> Exception | None: ...


B = TypeVar("B", bound=Body)


def slowest(bodies: Collection[B], now: float) -> B | None:
    """The slowest body of the address that sends most bodies; None if no body is slow."""
    counts = _bodies_of_clients(bodies)
    return min(_slow(bodies, now), key=lambda body: (-counts[body.client], body.rate(now)), default=None)


def largest(bodies: Collection[B], now: float) -> B | None:
    """The largest of the bodies that are slow; None if no body is slow."""
    return max(_slow(bodies, now), key=lambda body: body.size, default=None)


def _slow(bodies: Collection[B], now: float) -> list[B]:
    counts = _bodies_of_clients(bodies)
    return [body for body in bodies if body.fault is None and _is_slow(body, now, counts[body.client])]


def _bodies_of_clients(bodies: Collection[Body]) -> Counter[str]:
    return Counter(body.client for body in bodies)


def _is_slow(body: Body, now: float, of_its_client: int) -> bool:
    spared = SPARED_S if of_its_client <= FAIR_BODIES else 0.0
    return body.began is not None and now - body.began >= spared and body.rate(now) < FAST_BYTES_S
