"""The rules of Prometheus: each has a case of promtool. On metrics of servers they run in ``test_two_servers``."""

import re
import subprocess
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from tests.deploy.files import ALERTS, MONITORING_PAGE
from tests.support.tools import require_tool

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
    assert set(alerts) == {name for labels in expected() for name in re.findall(r'alertname="(\w+)"', labels)}
    assert alerts == re.findall(r"^\| `(Rrcanet\w+)` \|", MONITORING_PAGE.read_text(), re.MULTILINE)


def test_every_recording_rule_has_a_case_with_its_value() -> None:
    recorded = re.findall(r"- record: (\S+)", ALERTS.read_text())
    assert recorded
    assert set(recorded) == {labels.split("{")[0] for labels in expected()} - {""}


def expected() -> list[str]:
    """The series that the cases expect, as they are written there."""
    cases = yaml.safe_load(CASES.read_text())["tests"]
    return [sample["labels"] for case in cases for one in case["promql_expr_test"] for sample in one["exp_samples"]]


def test_each_alert_says_what_it_means_and_what_to_do() -> None:
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    for rule in rules:
        if "alert" in rule:
            assert rule["annotations"].keys() == {"summary", "action"}
            assert rule["labels"]["severity"] in {"critical", "warning"}
