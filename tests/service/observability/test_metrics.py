"""docs/reference/metrics.md against what a running server exposes."""

import re

import httpx
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from service.errors import Reason
from service.observability.metrics import BACKGROUND_TASKS, CONNECTIONS_ENDED
from service.observability.timing import STAGES
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.paths import DOCS

PAGE = (DOCS / "reference" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(rrcanet_\w+)` \| (\w+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def exposed(client: httpx.Client) -> list[Metric]:
    client.post("/v1/detect", content=frames.png(make_scene(1, 64, 64).counts(8))).raise_for_status()
    return list(text_string_to_metric_families(client.get("/metrics").text))


def label_names(family: Metric) -> set[str]:
    return {label for sample in family.samples for label in sample.labels} - {"le"}


def test_every_metric_is_on_the_page_and_no_other(client: httpx.Client) -> None:
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _, _ in ROW.findall(PAGE)}
    names = {family.name + ("_total" if family.type == "counter" else ""): family for family in exposed(client)}
    assert told == {name: (family.type, label_names(family)) for name, family in names.items()}


def test_the_values_of_labels_are_there_before_anything_happened(client: httpx.Client) -> None:
    values = {
        (family.name, label): {sample.labels[label] for sample in family.samples}
        for family in exposed(client)
        for label in label_names(family) & {"stage", "reason", "outcome", "task"}
    }
    assert values == {
        ("rrcanet_stage_duration_seconds", "stage"): set(STAGES),
        ("rrcanet_rejected", "reason"): set(Reason),
        ("rrcanet_frames", "outcome"): {"ok", "error"},
        ("rrcanet_connections_ended", "reason"): set(CONNECTIONS_ENDED),
        ("rrcanet_background_failures", "task"): set(BACKGROUND_TASKS),
    }
    assert all(f"`{stage}`" in PAGE for stage in STAGES)
