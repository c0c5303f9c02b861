import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from tests.deploy.files import DOCKERFILE
from tests.support.paths import ROOT


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
    needed |= set(re.findall(r"(requirements/\w+\.\w+)", DOCKERFILE.read_text()))

    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    assert needed == allowed
    assert all((ROOT / path).exists() for path in allowed)


def test_what_others_wrote_is_installed_before_any_code_is_there() -> None:
    stages = _stages()
    (installed,) = (name for name, stage in stages.items() if "--constraint" in " ".join(stage))
    brought = [step.split()[1:-1] for step in stages[installed] if step.startswith("COPY")]

    assert stages[installed][0] == "FROM ${BASE}"
    assert brought == [["requirements/serve.txt"], ["--from=wanted", "/wanted.txt"]]
    assert "ARG RUNTIME" not in " ".join(stages[installed])  # what it means is in wanted.txt


def test_code_comes_into_the_image_in_a_layer_of_its_own() -> None:
    stages = _stages()
    (install,) = (step for step in stages["package"] if "pip install" in step)
    layers = [step for step in stages[""] if step.startswith(("COPY", "RUN"))]

    assert {"--no-deps", "--root"} <= set(install.split())
    assert layers == ["COPY --from=dependencies /venv /venv", "COPY --from=package /package /"]


def test_what_changes_with_every_build_is_said_after_the_layers() -> None:
    steps = _stages()[""]
    revision = steps.index("ARG REVISION=unknown")

    assert revision > max(index for index, step in enumerate(steps) if step.startswith("COPY"))


@pytest.mark.parametrize(
    ("runtime", "extras"),
    [("cpu", ["cpu"]), ("gpu", ["gpu"]), ("cpu,otel", ["cpu", "otel"]), ("gpu, otel", ["gpu", "otel"])],
)
def test_the_runtime_names_what_is_installed_and_all_of_it_is_pinned(runtime: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {_name(line) for line in (ROOT / "requirements" / "serve.txt").read_text().splitlines() if "==" in line}

    written = _of_runtime(runtime)

    wanted = written.stdout.splitlines()
    optional = [one for extra in extras for one in project["optional-dependencies"][extra]]
    assert wanted == project["dependencies"] + optional
    assert {_name(one) for one in wanted} <= pinned


@pytest.mark.parametrize("runtime", ["", "otel", "cpu,gpu", "cpu,otell"])
def test_a_runtime_that_there_is_not_ends_the_build(runtime: str) -> None:
    refused = _of_runtime(runtime)

    assert refused.returncode != 0
    assert f"RUNTIME={runtime}: cpu or gpu" in refused.stderr


def test_a_new_release_wants_the_same_of_others(tmp_path: Path) -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(re.sub(r'^version = ".*"$', 'version = "99"', text, flags=re.MULTILINE))

    assert _of_runtime("gpu", tmp_path / "pyproject.toml").stdout == _of_runtime("gpu").stdout


def _stages() -> dict[str, list[str]]:
    """Steps of every stage by its name, the last by none; without comments, each on one line."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stages: dict[str, list[str]] = {}
    for stage in re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]:
        first, *rest = (" ".join(line.split()) for line in stage.splitlines() if line.strip())
        image, _, name = first.partition(" AS ")
        stages[name] = [image, *rest]
    return stages


def _of_runtime(runtime: str, pyproject: Path = ROOT / "pyproject.toml") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "requirements" / "of_runtime.py"), str(pyproject), runtime]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def _name(requirement: str) -> str:
    return re.split(r"[=\[]", requirement)[0].lower().replace("_", "-")


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
