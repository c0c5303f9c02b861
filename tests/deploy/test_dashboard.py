"""The dashboard of Grafana: every panel asks a question that a running server's metrics answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.files import DASHBOARD, GRAFANA, PROMETHEUS
from tests.deploy.prometheus import Prometheus, Series, scraping
from tests.support.frames import GOOD
from tests.support.waiting import wait_until

DATASOURCE = GRAFANA / "provisioning" / "datasources" / "prometheus.yml"


def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return content


def questions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def as_grafana_asks(question: str) -> str:
    """With the variables filled in."""
    return question.replace("$__rate_interval", "10s").replace("$instance", ".+")


def has_numbers(series: list[Series]) -> bool:
    return any(one["value"][1] != "NaN" for one in series)


def test_every_question_is_answered(client: httpx.Client, tmp_path: Path) -> None:
    unanswered = set(questions())
    assert len(unanswered) >= 15

    def ask(prometheus: Prometheus) -> bool:
        client.post("/v1/detect", content=GOOD).raise_for_status()
        client.post("/v1/detect", content=b"no frame")  # or no refusal would be seen
        answered = {one for one in unanswered if has_numbers(prometheus.query(as_grafana_asks(one)))}
        unanswered.difference_update(answered)
        return not unanswered

    with scraping(client, tmp_path) as prometheus:
        wait_until(lambda: ask(prometheus), unanswered)


def test_the_servers_to_choose_from_are_those_scraped(client: httpx.Client, tmp_path: Path) -> None:
    (variable,) = dashboard()["templating"]["list"]
    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
    assert match is not None
    with scraping(client, tmp_path) as prometheus:
        wait_until(lambda: bool(prometheus.query(match[1])), f"nothing has {match[1]}")
        servers = {one["metric"][match[2]] for one in prometheus.query(match[1])}
    assert servers == {f"127.0.0.1:{client.base_url.port}"}


def test_panels_are_told_apart_explained_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["description"] for panel in panels)
    cells = [cell for panel in panels for cell in _cells(panel["gridPos"])]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24, "Grafana's grid has 24 columns"


def test_the_source_of_data_is_the_one_provisioned() -> None:
    uid = re.search(r"uid: (\w+)", DATASOURCE.read_text())
    assert uid is not None
    assert set(re.findall(r'"type": "prometheus",\s+"uid": "(\w+)"', DASHBOARD.read_text())) == {uid[1]}
    interval = re.search(r"timeInterval: (\S+)", DATASOURCE.read_text())
    assert interval is not None
    assert f"scrape_interval: {interval[1]}\n" in PROMETHEUS.read_text()


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            yield x, y
