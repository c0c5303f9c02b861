"""The folder in which this program keeps what it can make again."""

import os
import stat
from pathlib import Path
from typing import Final

CACHE: Final = "rrcanet"  # in the user's folder of caches


def user_cache() -> Path | None:
    """Where this program keeps what it can make again: in ``$XDG_CACHE_HOME``, by default ``~/.cache``.

    None if the user cannot write there, as in most containers, or if others can. The folder is not made.
    """
    try:
        asked = Path(os.environ.get("XDG_CACHE_HOME", ""))
        folder = (asked if asked.is_absolute() else Path.home() / ".cache") / CACHE
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        return folder if os.access(existing, os.W_OK) and is_private(existing) else None
    except (OSError, RuntimeError):  # RuntimeError: this user has no home
        return None


def is_private(folder: Path) -> bool:
    """Whether the folder belongs to this user, and nobody else may write into it.

    Raises:
        OSError: the folder cannot be looked at.
    """
    known = folder.stat()
    return known.st_uid == os.geteuid() and not known.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
