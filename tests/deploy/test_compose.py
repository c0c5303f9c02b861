import re
import subprocess
from pathlib import Path

import pytest

from service.settings import PREFIX, Settings, load_settings
from tests.conftest import require_tool
from tests.deploy.files import (
    COMPOSE,
    COMPOSE_WITH_KEYS,
    DASHBOARD,
    DOCKERFILE,
    GRAFANA,
    PROMETHEUS,
    ROOT,
    settings_in,
)


def test_prometheus_accepts_its_configuration() -> None:
    promtool = require_tool("promtool")

    checked = subprocess.run(
        [promtool, "check", "config", PROMETHEUS], capture_output=True, text=True, timeout=60, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def servers() -> list[str]:
    return re.findall(r"^  (\S+):\n    <<: \*server$", COMPOSE.read_text(), re.MULTILINE)


def test_prometheus_scrapes_every_server_of_the_compose_file() -> None:
    scraped = re.findall(r"targets: \[(\S+):8000\]", PROMETHEUS.read_text())

    assert servers()
    assert scraped == servers()


def test_every_server_has_keys_where_there_are_keys() -> None:
    assert re.findall(r"^  (\S+): \*keys$", COMPOSE_WITH_KEYS.read_text(), re.MULTILINE) == servers()


def test_what_is_mounted_is_there_and_is_where_the_files_look_for_it() -> None:
    mounts = {ROOT / host: inside for host, inside in re.findall(r"- \./(\S+):(/\S+):ro$", COMPOSE.read_text(), re.M)}
    dashboards = mounts[DASHBOARD.parent]

    assert [host for host in mounts if not host.is_dir()] == []
    assert f"path: {dashboards}\n" in (GRAFANA / "provisioning" / "dashboards" / "rrcanet.yml").read_text()
    assert f"DEFAULT_HOME_DASHBOARD_PATH: {dashboards}/{DASHBOARD.name}\n" in COMPOSE.read_text()


def test_a_stop_waits_for_the_slowest_request() -> None:
    grace = re.search(r"stop_grace_period: (\d+)s", COMPOSE.read_text())
    defaults = Settings(_env_file=None)  # type: ignore[call-arg]

    assert grace is not None
    assert int(grace[1]) > defaults.request_timeout_s + defaults.drain_delay_s + 1


@pytest.mark.parametrize("file", [DOCKERFILE, COMPOSE], ids=lambda file: file.name)
def test_the_server_starts_with_the_settings_of_the_containers(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # away from any .env
    wanted = settings_in(file)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()

    assert wanted
    assert {name: str(getattr(settings, name.removeprefix(PREFIX).lower())) for name in wanted} == wanted
