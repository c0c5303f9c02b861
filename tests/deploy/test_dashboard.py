"""The dashboard of Grafana as a file. What its panels ask is asked in ``test_two_servers``."""

import re
from collections.abc import Iterator

from tests.deploy.files import DASHBOARD, GRAFANA, PROMETHEUS, dashboard

DATASOURCE = GRAFANA / "provisioning" / "datasources" / "prometheus.yml"


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
