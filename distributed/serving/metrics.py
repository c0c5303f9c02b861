"""Metrics of all replicas as one answer. Each series says by its label which replica it comes from."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from service.observability.metrics import Metrics

LABEL: Final = "replica"


class ReplicaMetrics:
    """The metrics of one replica.

    Args:
        metrics: of its process.
        replica: its name.
    """

    def __init__(self, metrics: Metrics, replica: str) -> None:
        self._registry, self._replica = metrics.registry, replica

    def families(self) -> list[Metric]:
        """All of them, with the label of the replica."""
        return [self._labelled(family) for family in self._registry.collect()]

    def _labelled(self, family: Metric) -> Metric:
        labelled = Metric(family.name, family.documentation, family.type, family.unit)
        labelled.samples = [sample._replace(labels=sample.labels | {LABEL: self._replica}) for sample in family.samples]
        return labelled


class _Collected(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def exposition(replicas: Iterable[Sequence[Metric]]) -> bytes:
    """The metrics of several replicas in Prometheus' text format 0.0.4: each family once, as that format asks."""
    together: dict[str, Metric] = {}
    for family in (family for families in replicas for family in families):
        if family.name in together:
            together[family.name].samples += family.samples
        else:
            together[family.name] = family
    return generate_latest(_Collected(together.values()))
