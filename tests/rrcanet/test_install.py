"""The package with nothing but what it requires: httpx, NumPy and Pillow, and what these require."""

import os
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import httpx
import numpy as np
import pytest
from packaging.requirements import Requirement

from service.simulation.scene import make_scene
from tests.support.paths import ROOT

PACKAGES = ("rrcanet", "service", "model", "export", "intensity")  # of the wheel
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from rrcanet import Client, Detections

with Client(sys.argv[1]) as client:
    found, other = client.detect([Path("frame.npy"), np.load("frame.npy")])
assert isinstance(found, Detections) and len(found) == len(other) > 0
found.draw(scale=2).save("found.png")
print(len(found), found.mask.sum() == found.area.sum(), sorted(set(sys.modules) & {"click", "fastapi", "scipy"}))
"""


def required(names: list[str]) -> set[str]:
    """Distributions that these requirements bring, with what those require."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        one = waiting.pop()
        if one.name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(one.name)
        waiting += map(Requirement, metadata.requires(one.name) or ())
    return found


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the wheel, and with what ``pip install rrcanet-serve`` brings."""
    folder = tmp_path_factory.mktemp("site-packages")
    for name in PACKAGES:
        (folder / name).symlink_to(ROOT / name)
    for distribution in required(PROJECT["dependencies"]):
        for path in {file.parts[0] for file in metadata.files(distribution) or () if file.parts[0] != ".."}:
            place = Path(str(metadata.distribution(distribution).locate_file(path)))
            if place.exists() and not (folder / path).exists():
                (folder / path).symlink_to(place)
    return folder


def python(bare: Path, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Python without the packages of this environment."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(bare)}
    program = shutil.which(f"python{sys.version_info[0]}.{sys.version_info[1]}", path=f"{sys.base_prefix}/bin")
    assert program is not None
    command = [program, "-S", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_targets_are_found_and_drawn_with_three_packages(bare: Path, client: httpx.Client, tmp_path: Path) -> None:
    np.save(tmp_path / "frame.npy", make_scene(4, 64, 80).counts(14))
    ended = python(bare, tmp_path, "-c", SCRIPT, str(client.base_url))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "3 True []\n"
    assert (tmp_path / "found.png").stat().st_size > 0


@pytest.mark.parametrize("arguments", [(), ("serve",), ("detect", "frame.png"), ("--help",)])
def test_the_command_names_the_extra_that_it_needs(bare: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = python(bare, tmp_path, "-m", "service", *arguments)
    assert ended.returncode == 2
    assert "the command rrcanet needs click, which is not installed" in ended.stderr
    assert "pip install 'rrcanet-serve[cpu]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_extras_bring_what_a_server_needs() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {Requirement(one).name for one in PROJECT["dependencies"]} == {"httpx", "numpy", "pillow"}
    for extra, runtime in (("cpu", "onnxruntime"), ("gpu", "onnxruntime-gpu")):
        assert [Requirement(one).name for one in extras[extra]] == ["rrcanet-serve", runtime]
        assert Requirement(extras[extra][0]).extras == {"server"}
    assert {"fastapi", "uvicorn", "scipy", "tifffile"} <= {Requirement(one).name for one in extras["server"]}
