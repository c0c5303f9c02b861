"""How many replicas the load needs."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

BACKLOG: Final = "backlog"  # seconds that accepted frames wait, as a share of RRCANET_LATENCY_OBJECTIVE_MS
TARGET_BACKLOG: Final = 0.5


class Situation(Protocol):
    """What Ray gives to a policy (``ray.serve.config.AutoscalingContext``)."""

    aggregated_metrics: Mapping[str, Mapping[Any, float]]
    total_num_requests: float
    config: Any


def replicas_for(situation: Situation) -> tuple[float, dict[str, Any]]:
    """The larger of two numbers; Ray applies bounds and delays.

    Requests in progress alone would not do: a service whose frames take long refuses the next request while it has few.
    """
    backlogs = situation.aggregated_metrics.get(BACKLOG, {}).values()
    by_requests = situation.total_num_requests / situation.config.get_target_ongoing_requests()
    return max(by_requests, sum(backlogs) / TARGET_BACKLOG), {}
