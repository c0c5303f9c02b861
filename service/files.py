"""Reads regular files, and says in which state a file was when it was read."""

import os
import stat
from pathlib import Path
from typing import NamedTuple


class FileState(NamedTuple):
    """A file with another state has changed."""

    modified_ns: int
    size: int
    inode: int


class NotRegular(OSError):
    """The path is a FIFO, a socket, a device or a folder. Opening one could block without end."""


def state_of(path: Path) -> FileState | None:
    """The state of a file; None if the path does not exist or its state cannot be read."""
    try:
        return _state(path.stat())
    except OSError:
        return None


def read_file(path: Path) -> tuple[bytes, FileState]:
    """The content of a regular file, and its state before it was read.

    Raises:
        NotRegular: the path is no regular file.
        OSError: the file cannot be read.
    """
    _require_regular(path, path.stat())
    # another process may replace the file after the check above: O_NONBLOCK, because opening a FIFO waits for a writer
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        known = os.fstat(file.fileno())
        _require_regular(path, known)
        return file.read(), _state(known)


def _require_regular(path: Path, known: os.stat_result) -> None:
    if not stat.S_ISREG(known.st_mode):
        raise NotRegular(f"{path} is no regular file")


def _state(known: os.stat_result) -> FileState:
    return FileState(known.st_mtime_ns, known.st_size, known.st_ino)
