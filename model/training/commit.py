"""The version of the code, for the record of a checkpoint."""

import subprocess
from contextlib import suppress
from pathlib import Path


def commit() -> str:
    """Commit of this code, with ``-dirty`` at its end if the code has uncommitted changes; ``unknown`` elsewhere."""
    home = Path(__file__).parents[2]
    with suppress(OSError, subprocess.CalledProcessError):
        if Path(_git(home, "rev-parse", "--show-toplevel")) == home.resolve():  # not the repository of another project
            return _git(home, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    return "unknown"


def _git(home: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", str(home), *command], capture_output=True, text=True, check=True).stdout.strip()
