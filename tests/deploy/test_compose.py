import re
import subprocess
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from service.runtime.onnxruntime.driver import FITTING
from service.settings import PREFIX, Settings, load_settings
from tests.deploy.files import (
    COMPOSE,
    COMPOSE_WITH_KEYS,
    DASHBOARD,
    DOCKER_PAGE,
    DOCKERFILE,
    GPU_PAGE,
    GRAFANA,
    KUBERNETES_PAGE,
    PROMETHEUS,
    settings_in,
)
from tests.support.paths import ROOT
from tests.support.tools import require_tool


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


def test_the_settings_of_the_pages_own_compose_file_reach_a_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    told = re.search(r"`docker-compose\.override\.yml`:\n\n```yaml\n(.*?)^```$", DOCKER_PAGE.read_text(), re.M | re.S)
    assert told is not None
    ((name, server),) = yaml.safe_load(told[1])["services"].items()
    assert name in servers()
    for variable, value in server["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert (settings.max_frames, settings.request_timeout_s) == (16, 60)
    assert int(server["stop_grace_period"].removesuffix("s")) > settings.request_timeout_s + settings.drain_delay_s + 1


class Overriding(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with the tag of Compose for what replaces the base file's value in place of being added to it."""


Overriding.add_constructor("!override", lambda loader, node: loader.construct_sequence(node, deep=True))


def test_the_example_of_several_gpus_has_a_gpu_and_a_port_for_each_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```yaml\n(services:\n.*?)^```$", GPU_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    services = yaml.load(example, Overriding)["services"]
    base = yaml.safe_load(COMPOSE.read_text())["services"]
    new = {name: service for name, service in services.items() if name not in base}
    assert {service["extends"]["file"] for service in new.values()} == {COMPOSE.name}
    assert {service["extends"]["service"] for service in new.values()} | new.keys() == services.keys()

    devices = [one["deploy"]["resources"]["reservations"]["devices"] for one in services.values()]
    assert [device["device_ids"] for (device,) in devices] == [[str(gpu)] for gpu in range(len(services))]
    published = [port for one in (*base.values(), *new.values()) for port in one.get("ports", [])]
    assert len({port.rpartition(":")[0] for port in published}) == len(published)
    for service in services.values():
        for variable, value in service["environment"].items():
            monkeypatch.setenv(variable, value)
        assert load_settings().threads == int(service["environment"][f"{PREFIX}THREADS"])


def test_compose_file_and_page_tell_the_same_memory() -> None:
    page = " ".join(DOCKER_PAGE.read_text().split())
    full = re.search(r"A full queue of the largest frames, .*? takes ([\d.]+ GB)", page)
    more = re.search(r"Larger bodies and unread answers take at most ([\d.]+ GB) more", page)
    limits = re.search(r"The CPU service is limited to (\d+) GB\. .* limit of (\d+) GB was not measured", page)
    assert full is not None
    assert more is not None
    assert limits is not None
    assert f"takes {full[1]}, larger bodies and unread answers at most {more[1]} more" in COMPOSE.read_text()
    assert re.findall(r"mem_limit: (\d+)g\n    ports: .*:8000\"", COMPOSE.read_text()) == list(limits.groups())


@pytest.mark.parametrize("page", [DOCKER_PAGE, KUBERNETES_PAGE], ids=lambda page: page.name)
def test_a_page_names_the_driver_that_the_server_asks_for(page: Path) -> None:
    assert re.findall(r"(\d+) or newer", page.read_text()) == [FITTING]
