"""The files that describe the containers, and what is read out of them."""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from tests.support.paths import ROOT

DOCKERFILE: Final = ROOT / "Dockerfile"
COMPOSE: Final = ROOT / "docker-compose.yml"
GPU_PAGE: Final = ROOT / "docs" / "how-to" / "gpu-host.md"
DOCKER_PAGE: Final = ROOT / "docs" / "how-to" / "docker.md"
MONITORING_PAGE: Final = ROOT / "docs" / "how-to" / "monitoring.md"
COMPOSE_WITH_KEYS: Final = ROOT / "docker-compose.keys.yml"
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
RAY: Final = ROOT / "deploy" / "ray"
KUBERNETES_PAGE: Final = ROOT / "docs" / "how-to" / "kubernetes.md"
PROMETHEUS: Final = ROOT / "deploy" / "prometheus" / "prometheus.yml"
ALERTS: Final = PROMETHEUS.with_name("alerts.yml")
GRAFANA: Final = ROOT / "deploy" / "grafana"
DASHBOARD: Final = GRAFANA / "dashboards" / "rrcanet.json"


def settings_in(file: Path) -> dict[str, str]:
    """Every ``RRCANET_NAME=value`` or ``RRCANET_NAME: value``, the last of each name."""
    return dict(re.findall(r"\b(RRCANET_\w+)(?:=|: )(\S+)", file.read_text()))


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    content: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return content


def health_check() -> list[str]:
    """The health check of the image, with the Python of the tests."""
    command = re.search(r"HEALTHCHECK .*?CMD (\[.*?\])$", DOCKERFILE.read_text(), re.DOTALL | re.MULTILINE)
    assert command is not None
    program, *arguments = json.loads(command[1])
    assert program == "python3"
    return [sys.executable, *arguments]


def entry_point() -> list[str]:
    """What the image runs, before the arguments of the container."""
    command = re.search(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    assert command is not None
    words: list[str] = json.loads(command[1])
    return words
