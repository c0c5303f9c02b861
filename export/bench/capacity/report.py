"""What a plan found, as text and as JSON."""

from dataclasses import dataclass
from typing import Any

from export.bench.capacity.knee import USUAL, replicas_for
from export.bench.capacity.open_loop import Load
from export.bench.cases import Shape
from export.report.table import Table


@dataclass(frozen=True, slots=True)
class Capacity:
    """The knee of one service, and the servers that a load needs.

    Attributes:
        about: the address.
        knee, rate: requests a second.
        deadline_s, service_s: seconds.
    """

    about: str
    shape: Shape
    rate: float
    deadline_s: float
    service_s: float
    knee: float
    loads: tuple[Load, ...]

    @property
    def replicas(self) -> int:
        return replicas_for(self.rate, self.knee)

    def text(self) -> str:
        """The loads in Markdown, the knee and the replicas."""
        head = ("requests/s", "sent", "in time", "refused", "p50 ms", "p99 ms")
        table = Table(head, tuple(_cells(load, self.deadline_s) for load in self.loads)).markdown()
        each = self.rate / self.replicas
        return (
            f"{self.about}, one frame of {self.shape.size} a request, {1e3 * self.service_s:.1f} ms if it is alone\n\n"
            f"{table}\n\n"
            f"knee: {self.knee:.1f} requests/s, {100 * USUAL.enough:.0f} % within {1e3 * self.deadline_s:g} ms\n"
            f"replicas for {self.rate:g} requests/s: {self.replicas}, each gets {each:.1f} requests/s, "
            f"{100 * each / self.knee:.0f} % of the knee"
        )

    def as_json(self) -> dict[str, Any]:
        """The same for a JSON file: rates in requests a second, latencies in milliseconds."""
        return {
            "about": self.about,
            "size": self.shape.size,
            "deadline_ms": 1e3 * self.deadline_s,
            "service_ms": 1e3 * self.service_s,
            "knee": self.knee,
            "rate": self.rate,
            "replicas": self.replicas,
            "loads": [
                {
                    "rate": load.rate,
                    "sent": len(load.latencies) + load.refused,
                    "in_time": load.in_time(self.deadline_s),
                    "refused": load.refused,
                    "p50_ms": _ms(load.quantile_s(0.5)),
                    "p99_ms": _ms(load.quantile_s(0.99)),
                }
                for load in self.loads
            ],
        }


def line(load: Load, deadline_s: float) -> str:
    """One load, for those who wait."""
    return f"{load.rate:.1f} requests/s: {100 * load.in_time(deadline_s):.1f} % within {1e3 * deadline_s:g} ms"


def _cells(load: Load, deadline_s: float) -> tuple[str, ...]:
    quantiles = (_ms(load.quantile_s(share)) for share in (0.5, 0.99))
    return (
        f"{load.rate:.1f}",
        str(len(load.latencies) + load.refused),
        f"{100 * load.in_time(deadline_s):.1f} %",
        str(load.refused),
        *("-" if one is None else f"{one:.1f}" for one in quantiles),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds
