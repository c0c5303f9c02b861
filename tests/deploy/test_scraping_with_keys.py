"""Prometheus scrapes servers that need a key: with the files that ship, and keys made as docs/how-to/docker.md says."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.deploy.files import COMPOSE_WITH_KEYS, DOCKER_PAGE, PROMETHEUS, settings_in
from tests.deploy.prometheus import scraping
from tests.support.paths import ROOT
from tests.support.server import StartServer
from tests.support.waiting import wait_until

IN_A_CONTAINER = "docker run --rm rrcanet-serve:cpu"
HERE = f"'{sys.executable}' -c 'from service.cli import main; main()'"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The folder in which the commands of the page were run."""
    commands = re.search(r"^```sh\n(mkdir -p keys/.*?)^```$", DOCKER_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert commands is not None
    script = f"export PYTHONPATH='{ROOT}'; cd '{tmp_path}'\n{commands[1].replace(IN_A_CONTAINER, HERE)}"
    subprocess.run(["sh", "-euc", script], check=True, timeout=60)
    return tmp_path


def mounted(folder: Path, inside: str) -> Path:
    """The file that a container sees as ``inside``."""
    mounts = re.findall(r"\./(\S+):(/\S+):ro", COMPOSE_WITH_KEYS.read_text())
    hosts: dict[str, str] = {place: host for host, place in mounts}
    return folder / hosts[str(Path(inside).parent)] / Path(inside).name


@pytest.fixture
def locked(start_server: StartServer, keys: Path) -> httpx.Client:
    """A server with the keys file that its container would see."""
    client = start_server(api_keys_file=mounted(keys, settings_in(COMPOSE_WITH_KEYS)["RRCANET_API_KEYS_FILE"]))
    assert client.get("/metrics").status_code == 401
    return client


def test_the_key_in_its_file_opens_the_metrics(locked: httpx.Client, keys: Path, tmp_path: Path) -> None:
    file = re.search(r"credentials_file: (\S+)", PROMETHEUS.read_text())
    assert file is not None
    key = mounted(keys, f"/etc/prometheus/{file[1]}").read_text()
    with scraping(tmp_path, locked, key=key) as prometheus:
        wait_until(lambda: bool(prometheus.query('up{device="cpu"} == 1')), "the server is not scraped")
        assert prometheus.query('rrcanet_ready{device="cpu"} == 1')


def test_without_the_key_prometheus_says_why_the_server_is_down(locked: httpx.Client, tmp_path: Path) -> None:
    with scraping(tmp_path, locked) as prometheus:
        wait_until(lambda: bool(prometheus.query('up{device="cpu"} == 0')), "the server is not scraped")
        errors = {target["labels"]["device"]: target["lastError"] for target in prometheus.targets()}
    assert "401" in errors["cpu"]
