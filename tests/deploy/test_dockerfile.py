import json
import os
import re
import socket
import subprocess
import sys
import tomllib

import httpx

from tests.deploy.files import DOCKERFILE, ROOT


def test_the_health_check_passes_while_the_server_is_ready(client: httpx.Client) -> None:
    assert _check_health(client.base_url.port) == 0


def test_the_health_check_asks_no_proxy(client: httpx.Client) -> None:
    assert _check_health(client.base_url.port, http_proxy=f"http://127.0.0.1:{_free_port()}") == 0


def test_the_health_check_fails_where_nothing_listens() -> None:
    assert _check_health(_free_port()) != 0


def test_the_build_context_has_all_that_the_package_is_built_from() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {pattern.removesuffix("*") for pattern in packages}
    needed |= set(re.findall(r"--constraint (\S+)", DOCKERFILE.read_text()))

    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    assert needed == allowed
    assert all((ROOT / path).exists() for path in allowed)


def _check_health(port: int | None, **environment: str) -> int:
    """Exit code of the image's health check, asking the server at ``port``."""
    command = re.search(r"HEALTHCHECK .*?CMD (\[.*?\])$", DOCKERFILE.read_text(), re.DOTALL | re.MULTILINE)
    assert command is not None
    program, *arguments = json.loads(command[1])
    assert program == "python3"
    environment = os.environ | {"RRCANET_PORT": str(port)} | environment
    return subprocess.run(
        [sys.executable, *arguments], env=environment, stderr=subprocess.DEVNULL, timeout=30, check=False
    ).returncode


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
