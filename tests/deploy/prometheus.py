"""A real Prometheus with the configuration that ships, which scrapes servers of the tests."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.files import PROMETHEUS
from tests.support.tools import require_tool
from tests.support.waiting import WITHIN_S, wait_until
from tests.support.wire import free_port

Series = dict[str, Any]


class Prometheus:
    """Its API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def query(self, expression: str) -> list[Series]:
        """What an instant query gives."""
        return self._ask("query", query=expression)["result"]  # type: ignore[no-any-return]

    def number(self, expression: str) -> float:
        """The one number that an instant query gives; 0 without data."""
        (found,) = self.query(expression) or [{"value": (0, "0")}]
        return float(found["value"][1])

    def rules(self) -> list[dict[str, Any]]:
        """The rules of all groups, as they are evaluated."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """The servers it scrapes."""
        return self._ask("targets", state="active")["activeTargets"]  # type: ignore[no-any-return]

    def _ask(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def scraping(folder: Path, *servers: httpx.Client, key: str = "") -> Iterator[Prometheus]:
    """Prometheus in a folder of its own. ``servers`` stand for the CPU's server of the Compose file; no GPU's is there.

    Its first scrape comes after five seconds, so tests that can share one do so.

    Args:
        key: what the file of its credentials holds.
    """
    program = require_tool("prometheus")
    configured = folder / "configuration"
    shutil.copytree(PROMETHEUS.parent, configured)
    (configured / "credentials" / "scrape-key").write_text(key)
    for file in configured.glob("*.yml"):
        text = file.read_text().replace("rrcanet:8000", ", ".join(map(instance, servers)))
        file.write_text(re.sub(r"interval: \d+[sm]$", "interval: 500ms", text, flags=re.MULTILINE))  # not for minutes
    address = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={configured / PROMETHEUS.name}", f"--storage.tsdb.path={folder / 'data'}"]
    process = subprocess.Popen([*command, f"--web.listen-address={address}", "--log.level=error"])
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=WITHIN_S) as client:
            wait_until(lambda: process.poll() is None and _is_ready(client), "Prometheus does not start", 0.2)
            yield Prometheus(client)
    finally:
        process.terminate()
        process.wait(WITHIN_S)


def instance(server: httpx.Client) -> str:
    """The label of a server's series."""
    return f"127.0.0.1:{server.base_url.port}"


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False
