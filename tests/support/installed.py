"""The installed package's entry points, without installing it."""

import tomllib
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT


def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def training_commands() -> dict[str, str]:
    """Commands that the training world brings, and where they are."""
    commands: dict[str, str] = project()["entry-points"]["rrcanet.commands"]
    return commands


def write_entry_points(folder: Path, **more: str) -> Path:
    """Write into ``folder``, to be put on the path, what pip writes beside an installed package."""
    name, version = project()["name"], project()["version"]
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{command} = {place}" for command, place in (training_commands() | more).items()]
    (info / "entry_points.txt").write_text("\n".join(["[rrcanet.commands]", *lines, ""]))
    return folder
