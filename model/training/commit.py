"""The version of the code, for the record of a checkpoint."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

VARIABLE: Final = "RRCANET_COMMIT"  # environment variable with the commit, for code without its repository


def commit() -> str:
    """Commit of this code, with ``-dirty`` at its end if the code has uncommitted changes.

    Outside a checkout it is the value of the environment variable, or ``unknown`` without one.
    """
    home = Path(__file__).parents[2]
    with suppress(OSError, subprocess.CalledProcessError):
        if Path(_git(home, "rev-parse", "--show-toplevel")) == home.resolve():  # not the repository of another project
            return _git(home, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    return os.environ.get(VARIABLE) or "unknown"


def _git(home: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", str(home), *command], capture_output=True, text=True, check=True).stdout.strip()
