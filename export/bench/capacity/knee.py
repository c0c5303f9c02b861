"""The highest rate that a server answers within a deadline, found by loads that grow and then close in."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final

from export.bench.capacity.open_loop import Load

GROWTH: Final = 1.5
MOST_STEPS: Final = 20  # of growth: up to 3300 times the first rate

Measure = Callable[[float], Load]


class TooSlow(Exception):
    """Even few requests are not answered within the deadline."""


@dataclass(frozen=True, slots=True)
class Search:
    """How the knee is looked for.

    Attributes:
        enough: share of the requests that must be answered within the deadline.
        first: the lowest rate, as a share of that at which a server is busy with one request after the other.
        halvings: of the interval around the knee. After four it is 2.5 % wide.
    """

    enough: float = 0.99
    first: float = 0.2
    halvings: int = 4


USUAL: Final = Search()


def find_knee(
    measure: Measure, service_s: float, deadline_s: float, search: Search = USUAL
) -> tuple[float, list[Load]]:
    """The highest rate at which enough requests are answered in time, and every load that was tried, by rate.

    Args:
        measure: sends a load of so many requests a second.
        service_s: seconds of a request to an idle server.
        deadline_s: of a request.
        search: how.

    Raises:
        TooSlow: not enough are answered in time at the lowest rate.
    """

    def is_enough(load: Load) -> bool:
        return load.in_time(deadline_s) >= search.enough

    loads = [measure(search.first / service_s)]
    if not is_enough(loads[0]):
        share, rate = 100 * loads[0].in_time(deadline_s), loads[0].rate
        raise TooSlow(f"at {rate:.2f} requests a second, {share:.0f} % are answered within {1e3 * deadline_s:g} ms")
    while is_enough(loads[-1]) and len(loads) <= MOST_STEPS:
        loads.append(measure(GROWTH * loads[-1].rate))
    good, bad = loads[-2].rate, loads[-1].rate
    for _ in range(search.halvings):
        loads.append(measure(sqrt(good * bad)))
        good, bad = (loads[-1].rate, bad) if is_enough(loads[-1]) else (good, loads[-1].rate)
    return good, sorted(loads, key=lambda load: load.rate)


def replicas_for(rate: float, knee: float) -> int:
    """Servers for a load that goes to any of them by chance: each gets a Poisson process of its share."""
    return max(1, ceil(rate / knee))
