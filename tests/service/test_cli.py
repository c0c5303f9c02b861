"""``rrcanet``: which commands there are, and what is said where they cannot run."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from tests.support.installed import project, training_commands, write_entry_points
from tests.support.paths import ROOT

SERVING = ("bench", "bulk", "detect", "serve", "simulate")  # run without torch
SERVING_INSTALL = "import sys; sys.modules['torch'] = None; from service.cli import main; main()"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that makes Python find the package installed."""
    return write_entry_points(tmp_path, broken="no_such_package.command:command")


def rrcanet(installed: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command as a process of its own, in an install without torch."""
    path = os.pathsep.join((str(installed), str(ROOT)))
    return subprocess.run(
        [sys.executable, "-c", SERVING_INSTALL, *arguments],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command_and_names_the_extra_that_some_need(installed: Path) -> None:
    ended = rrcanet(installed, "--help")
    assert ended.returncode == 0
    for name in SERVING:
        assert f"\n  {name} " in ended.stdout
    for name in set(training_commands()) - set(SERVING):
        (line,) = (line for line in ended.stdout.splitlines() if line.split()[:1] == [name])
        assert "(needs the extra 'train')" in line
    assert "Example: rrcanet detect" in ended.stdout


@pytest.mark.parametrize("arguments", [(), ("recipe", "--data", "folder", "--resume"), ("--seed", "3", "-x")])
def test_a_command_without_its_extra_names_what_to_install(installed: Path, arguments: tuple[str, ...]) -> None:
    ended = rrcanet(installed, "train", *arguments)
    assert ended.returncode == 2
    assert "rrcanet train needs torch" in ended.stderr
    assert f"{shlex.quote(sys.executable)} -m pip install 'rrcanet-serve[train]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_bulk_names_its_own_extra(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(installed)
    for module in [name for name in sys.modules if name.partition(".")[0] == "distributed"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = CliRunner().invoke(main, ["bulk", "frames", "--out", "targets"])
    assert ended.exit_code == 2
    assert "rrcanet bulk needs pyarrow" in ended.stderr
    assert "pip install 'rrcanet-serve[bulk]'" in ended.stderr


def test_help_of_a_command_without_its_extra_names_it_too(installed: Path) -> None:
    ended = rrcanet(installed, "export", "--help")
    assert ended.returncode == 0
    assert f"{shlex.quote(sys.executable)} -m pip install 'rrcanet-serve[train]'\n" in ended.stdout


def test_a_module_that_is_missing_is_named(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(installed)
    ended = CliRunner().invoke(main, ["broken", "--any", "option"])
    assert ended.exit_code == 2
    assert "rrcanet broken needs no_such_package" in ended.stderr


@pytest.mark.parametrize("command", ["detect", "key", "serve", "simulate"])
def test_every_command_of_the_serving_world_has_help_with_an_example(command: str) -> None:
    ended = CliRunner().invoke(main, [command, "--help"])
    assert ended.exit_code == 0
    assert f"rrcanet {command}" in ended.stdout.split("Example:")[1]


def test_help_lists_commands_by_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(installed)
    listed = CliRunner().invoke(main, ["--help"]).stdout.split("Commands:")[1].split("Example:")[0]
    names = [line.split()[0] for line in listed.splitlines() if line[2:3].strip()]
    assert names == sorted(["detect", "key", "serve", "simulate", "broken", *training_commands()])


def test_an_unknown_command_is_a_usage_error() -> None:
    ended = CliRunner().invoke(main, ["detekt"])
    assert ended.exit_code == 2
    assert "No such command 'detekt'" in ended.stderr


def test_the_version_is_that_of_the_package(installed: Path) -> None:
    assert rrcanet(installed, "--version").stdout.endswith(f"version {project()['version']}\n")
