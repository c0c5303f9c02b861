"""Weights tell which code trained them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model.training import commit as module
from tests.support.tools import require_tool

TELL = "from model.training.commit import commit; print(commit())"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the code in question."""
    folder = tmp_path / "model" / "training"
    folder.mkdir(parents=True)
    shutil.copy(module.__file__, folder)
    return tmp_path


def told_in(folder: Path) -> str:
    """What the copy in ``folder`` says of itself."""
    environment = os.environ | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", TELL]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_code_without_its_repository_does_not_know_its_commit(copy: Path) -> None:
    assert told_in(copy) == "unknown\n"


def test_a_checkout_says_its_own_commit_and_whether_it_was_changed(copy: Path) -> None:
    git = [require_tool("git"), "-C", str(copy), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "model/training/commit.py"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout[:12]
    assert told_in(copy) == f"{head}\n"
    with (copy / "model" / "training" / "commit.py").open("a") as code:
        code.write("# changed\n")
    assert told_in(copy) == f"{head}-dirty\n"
