"""The installed package's entry points, without installing it."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def write_entry_points(folder: Path, **more: str) -> Path:
    """Write into ``folder``, to be put on the path, what pip writes beside an installed package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    commands = project["entry-points"]["rrcanet.commands"] | more
    lines = [f"{name} = {value}" for name, value in commands.items()]
    (info / "entry_points.txt").write_text("\n".join(["[rrcanet.commands]", *lines, ""]))
    return folder
