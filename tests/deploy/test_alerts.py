"""The alert rules: each fires when it should, and asks for metrics that a running server has."""

import re
import subprocess
from pathlib import Path

import httpx

from tests.deploy.files import ALERTS, MONITORING_PAGE
from tests.deploy.prometheus import scraping
from tests.support.tools import require_tool
from tests.support.waiting import wait_until

CASES = Path(__file__).with_name("alerts_test.yml")


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([require_tool("promtool"), *arguments], capture_output=True, text=True, timeout=60)


def test_promtool_finds_no_fault_in_the_rules() -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alerts_fire_when_they_should_and_only_then() -> None:
    tested = promtool("test", "rules", CASES)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_a_row_on_the_page() -> None:
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    assert alerts
    assert set(alerts) == set(re.findall(r'alertname="(\w+)"', CASES.read_text()))
    assert alerts == re.findall(r"^\| `(Rrcanet\w+)` \|", MONITORING_PAGE.read_text(), re.MULTILINE)


def test_prometheus_evaluates_every_rule_on_metrics_that_a_server_has(client: httpx.Client, tmp_path: Path) -> None:
    client.post("/v1/detect", content=b"no frame")  # a route appears in the metrics with its first request
    with scraping(client, tmp_path) as prometheus:
        wait_until(lambda: bool(prometheus.query("rrcanet_ready == 1")), "the server is not scraped")
        wait_until(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), "rules are not evaluated")
        rules = prometheus.rules()
        named = {name for rule in rules for name in re.findall(r"\brrcanet_\w+", rule["query"])}
        named -= {name for rule in rules if rule["type"] == "recording" for name in re.findall(r"\w+", rule["name"])}
        assert named
        assert {name for name in named if not prometheus.query(name)} == set()
    assert {rule["health"] for rule in rules} == {"ok"}
    assert [rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] == "firing"] == []
    for rule in rules:
        if rule["type"] == "alerting":
            assert rule["annotations"].keys() == {"summary", "action"}
            assert rule["labels"]["severity"] in {"critical", "warning"}
