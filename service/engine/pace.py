"""How fast the device is with each kind of job."""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

LATEST_SHARE: Final = 0.3  # of the latest batch in what is expected of the next
KINDS: Final = 1024  # models times shapes; beyond that all are learnt anew


class Paces(Generic[K]):
    """Seconds a pixel, of each kind by itself: a run has a fixed cost, which tiny frames would charge to large ones.

    The first run of a kind tells nothing, since it also looks for its kernels. Kinds are known by their hash: a key
    would keep a model in memory that is served no more.
    """

    def __init__(self) -> None:
        self._paces: dict[int, float] = {}

    def of(self, key: K) -> float:
        """What is expected; 0 where nothing is known yet."""
        return self._paces.get(hash(key), 0.0)

    def learn(self, key: K, seconds: float, size: int) -> None:
        """A batch of ``size`` pixels took so long."""
        kind = hash(key)
        if kind in self._paces:
            self._paces[kind] += LATEST_SHARE * (seconds / size - self._paces[kind])
            return
        if len(self._paces) == KINDS:
            self._paces.clear()
        self._paces[kind] = 0.0

    def forget(self, key: K) -> None:
        """Learn this kind anew: a pace at which everything is too late is not believed twice."""
        self._paces.pop(hash(key), None)
