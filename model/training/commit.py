"""Which code this is."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

VARIABLE: Final = "RRCANET_COMMIT"  # tells it where the code came without its repository


def commit() -> str:
    """Commit of this code, ``-dirty`` where it was changed since.

    Outside its own checkout what the variable says, else ``unknown``.
    """
    home = Path(__file__).parents[2]
    with suppress(OSError, subprocess.CalledProcessError):
        if Path(_git(home, "rev-parse", "--show-toplevel")) == home.resolve():  # not a repository of something else
            return _git(home, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    return os.environ.get(VARIABLE) or "unknown"


def _git(home: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", str(home), *command], capture_output=True, text=True, check=True).stdout.strip()
