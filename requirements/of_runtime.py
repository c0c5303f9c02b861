"""Write what ``pip install '.[RUNTIME]'`` installs beside the package itself, a requirement a line.

The Dockerfile installs that first, in a layer that no change of code touches.
"""

import sys
import tomllib
from pathlib import Path


def main(pyproject: str, runtime: str) -> None:
    """Of a ``pyproject.toml`` and extras, separated by commas."""
    project = tomllib.loads(Path(pyproject).read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [name.strip() for name in runtime.split(",")]
    unknown = [name for name in wanted if name not in extras]
    if unknown or len({"cpu", "gpu"}.intersection(wanted)) != 1:
        sys.exit(f"RUNTIME={runtime}: cpu or gpu, and any of the other extras: {', '.join(sorted(extras))}")
    requirements = project["dependencies"] + [one for name in wanted for one in extras[name]]
    sys.stdout.writelines(f"{one}\n" for one in requirements)


if __name__ == "__main__":
    main(*sys.argv[1:])
