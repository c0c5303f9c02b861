"""``make serve`` in a folder of its own: which device the service gets, and which runtime would be installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.tools import require_tool

TELL_DEVICE = "from service.settings import load_settings; print('device', load_settings().device)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What ``make serve`` finds, with a service installed that only tells its device."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", *(f"requirements/{name}.txt" for name in ("build", "cpu", "gpu"))):
        shutil.copy(ROOT / name, tmp_path / name)
    rrcanet = tmp_path / ".venv" / "bin" / "rrcanet"
    rrcanet.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{TELL_DEVICE}"\n')
    rrcanet.chmod(0o755)
    return tmp_path


def make_serve(folder: Path, *arguments: str, **variables: str) -> str:
    make = require_tool("make")
    environment = {name: value for name, value in os.environ.items() if name not in {"DEVICE", "RRCANET_DEVICE"}}
    environment |= {"PYTHONPATH": str(ROOT)} | variables
    made = subprocess.run([make, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    return made.stdout + made.stderr


@pytest.mark.parametrize(
    ("dotenv", "variables", "arguments", "device"),
    [
        ("RRCANET_DEVICE=cuda", {}, (), "cuda"),
        ('export RRCANET_DEVICE="cuda"  # a comment', {}, (), "cuda"),
        ("RRCANET_PORT=8001", {}, (), "auto"),
        ("RRCANET_DEVICE=cuda", {"RRCANET_DEVICE": "cpu"}, (), "cpu"),
        ("RRCANET_DEVICE=cuda", {}, ("RRCANET_DEVICE=cpu",), "cpu"),
        ("RRCANET_DEVICE=cpu", {}, ("DEVICE=cuda",), "cuda"),
        ("RRCANET_DEVICE=cpu", {"RRCANET_DEVICE": "cpu"}, ("DEVICE=cuda",), "cuda"),
        ("", {"DEVICE": "cuda"}, (), "cuda"),
        ("", {}, (), "auto"),
    ],
)
def test_the_device_is_the_one_that_was_set(
    folder: Path, dotenv: str, variables: dict[str, str], arguments: tuple[str, ...], device: str
) -> None:
    (folder / ".env").write_text(dotenv + "\n")
    fresh = make_serve(folder, "-n", "serve", *arguments, **variables)
    installed = re.findall(r"-r requirements/([cg]pu)\.txt", fresh)
    if device != "auto":  # auto goes by the driver of this machine
        assert installed == [{"cuda": "gpu", "cpu": "cpu"}[device]]

    (folder / ".venv" / f"installed-{installed[0]}").touch()
    assert f"device {device}\n" in make_serve(folder, "serve", *arguments, **variables)


@pytest.mark.parametrize("where", [".env", "DEVICE"])
def test_a_device_that_there_is_not_is_named(folder: Path, where: str) -> None:
    (folder / ".env").write_text("RRCANET_DEVICE=tpu\n" if where == ".env" else "")
    arguments = ("DEVICE=tpu",) if where == "DEVICE" else ()
    assert "device tpu: must be auto, cuda or cpu" in make_serve(folder, "serve", *arguments)
