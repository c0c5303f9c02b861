"""How many replicas Ray is asked for; ``deploy/ray/serve.yaml`` names the function, and Ray calls it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from distributed.serving.scaling import BACKLOG, replicas_for


@dataclass
class Load:
    """Of a service with a target of 4 requests for each replica."""

    total_num_requests: float
    aggregated_metrics: Mapping[str, Mapping[Any, float]] = field(default_factory=dict)
    config: Any = None

    def __post_init__(self) -> None:
        self.config = self

    def get_target_ongoing_requests(self) -> float:
        """What the configuration says."""
        return 4


@pytest.mark.parametrize(
    ("load", "replicas"),
    [
        (Load(0), 0),
        (Load(12), 3),
        (Load(2, {BACKLOG: {"a": 0.9}}), 1.8),  # it refuses already, with two requests in progress
        (Load(12, {BACKLOG: {"a": 0.1, "b": 0.1}}), 3),
        (Load(3, {BACKLOG: {"a": 1.0, "b": 1.0, "c": 0.5}}), 5),
    ],
)
def test_the_larger_of_requests_and_backlog_decides(load: Load, replicas: float) -> None:
    assert replicas_for(load)[0] == pytest.approx(replicas)
