"""Which body gives its place up when every place is taken: many slow clients must not keep all others out."""

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

    @property
    def fault(self) -> Exception | None: ...


B = TypeVar("B", bound=Body)


def slowest(bodies: Collection[B], now: float) -> B | None:
    """The slowest body of the address that sends most bodies; None if no body is slow."""
    counts = Counter(body.client for body in bodies)
    slow = [body for body in bodies if body.fault is None and _is_slow(body, now, counts[body.client])]
    return min(slow, key=lambda body: (-counts[body.client], _rate(body, now)), default=None)


def _is_slow(body: Body, now: float, of_its_client: int) -> bool:
    spared = SPARED_S if of_its_client <= FAIR_BODIES else 0.0
    return body.began is not None and now - body.began >= spared and _rate(body, now) < FAST_BYTES_S


def _rate(body: Body, now: float) -> float:
    return body.size / max(now - (body.began or 0.0), 1e-3)
