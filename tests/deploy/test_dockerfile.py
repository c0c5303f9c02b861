"""The Dockerfile: what a build installs, in which layers, and the health check of the image."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import httpx
import pytest

from tests.deploy.files import DOCKERFILE, entry_point, health_check
from tests.support.paths import ROOT
from tests.support.wire import free_port


def test_the_health_check_passes_while_the_server_is_ready(client: httpx.Client) -> None:
    assert _check_health(client.base_url.port) == 0


def test_the_health_check_asks_no_proxy(client: httpx.Client) -> None:
    assert _check_health(client.base_url.port, http_proxy=f"http://127.0.0.1:{free_port()}") == 0


def test_the_health_check_fails_where_nothing_listens() -> None:
    assert _check_health(free_port()) != 0


def test_the_build_context_has_all_that_the_package_is_built_from() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {pattern.removesuffix("*") for pattern in packages}
    needed |= set(re.findall(r"(requirements/\w+\.\w+)", DOCKERFILE.read_text()))

    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    assert needed == allowed
    assert all((ROOT / path).exists() for path in allowed)


def test_packages_are_installed_by_their_hashes_before_any_code_is_there() -> None:
    steps = _stages()["dependencies"]
    brought = [step.split()[1:-1] for step in steps if step.startswith("COPY")]

    assert steps[0] == "FROM ${BASE}"
    assert brought == [[f"requirements/{name}.txt" for name in ("cpu", "gpu", "otel", "fits")]]


def test_every_install_is_by_hashes_or_of_the_package_alone() -> None:
    installs = [step.split() for steps in _stages().values() for step in steps if "pip install" in step]

    assert len(installs) == 4
    assert all(
        {"--require-hashes"} <= set(one) or {"--no-deps", "--no-build-isolation"} <= set(one) for one in installs
    )


def test_code_comes_into_the_image_in_a_layer_of_its_own() -> None:
    stages = _stages()
    (install,) = (step for step in stages["package"] if "pip install" in step and step.endswith(" ."))
    layers = [step for step in stages[""] if step.startswith(("COPY", "RUN"))]

    assert {"--no-deps", "--root"} <= set(install.split())
    assert layers == [
        "RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*",
        "COPY --from=dependencies /venv /venv",
        "COPY --from=package /package /",
        "COPY --from=sbom /sbom.json /usr/share/doc/rrcanet-serve/sbom.json",
    ]


def test_the_first_process_of_a_container_is_an_init_that_starts_the_command() -> None:
    assert entry_point()[0] == "tini"
    assert entry_point()[-2:] == ["--", "rrcanet"]


def test_the_bill_of_materials_is_read_from_what_is_installed_by_a_tool_that_stays_outside() -> None:
    steps = _stages()["sbom"]

    assert steps[0] == "FROM dependencies"
    assert steps.index("COPY --from=package /package /") == len(steps) - 2
    assert steps[-1].endswith(" -o /sbom.json /venv/bin/python")
    assert not [step for step in steps if "/venv/bin/pip" in step]


def test_what_changes_with_every_build_is_said_after_the_layers() -> None:
    steps = _stages()[""]
    revision = steps.index("ARG REVISION=unknown")

    assert revision > max(index for index, step in enumerate(steps) if step.startswith("COPY"))


@pytest.mark.parametrize("runtime", ["cpu", "gpu", "cpu,otel", "gpu,otel", "gpu,fits", "cpu,otel,fits"])
def test_the_runtime_names_the_files_of_pins(runtime: str, tmp_path: Path) -> None:
    shown = _run_dependencies(runtime, tmp_path)

    installed = [argument for argument in shown.stdout.split() if argument.endswith(".txt")]
    assert shown.returncode == 0
    assert installed == [f"requirements/{name}.txt" for name in runtime.split(",")]


@pytest.mark.parametrize("runtime", ["", "otel", "cpu,gpu", "cpu,otell", "npu,fits", "cpu,fits,otel"])
def test_a_runtime_that_there_is_not_ends_the_build(runtime: str, tmp_path: Path) -> None:
    refused = _run_dependencies(runtime, tmp_path)

    assert refused.returncode != 0
    assert f"RUNTIME={runtime}: must be cpu or gpu, then ,otel or ,fits or ,otel,fits" in refused.stderr


def test_the_base_is_named_by_its_digest() -> None:
    (base,) = re.findall(r"^ARG BASE=(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)


def _stages() -> dict[str, list[str]]:
    """Steps of every stage by its name, the last by none; without comments, each on one line."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stages: dict[str, list[str]] = {}
    for stage in re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]:
        first, *rest = (" ".join(line.split()) for line in stage.splitlines() if line.strip())
        image, _, name = first.partition(" AS ")
        stages[name] = [image, *rest]
    return stages


def _run_dependencies(runtime: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The stage's steps that depend on RUNTIME, in a shell with a pip that shows its arguments."""
    pip = folder / "pip"
    pip.write_text('#!/bin/sh\necho "$@"\n')
    pip.chmod(0o755)
    steps = [step.removeprefix("RUN ") for step in _stages()["dependencies"] if "${RUNTIME}" in step]
    script = re.sub(r"--mount=\S+", "", "\n".join(["set -e", *steps])).replace("/venv/bin/pip", str(pip))
    environment = os.environ | {"RUNTIME": runtime}
    return subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=30, check=False
    )


def _check_health(port: int | None, **environment: str) -> int:
    """Exit code of the image's health check, asking the server at ``port``."""
    environment = os.environ | {"RRCANET_PORT": str(port)} | environment
    return subprocess.run(
        health_check(), env=environment, stderr=subprocess.DEVNULL, timeout=30, check=False
    ).returncode
