"""Writes files under a temporary name, and renames them when they are complete."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def partial_of(path: Path) -> Path:
    """The temporary name of a file, in the same folder. A pipe or a device is written directly."""
    if path.exists() and not path.is_file():
        return path
    real = path.resolve()  # the target of a link is replaced, not the link
    return real.with_name(f"{real.name}.partial")


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a text file that replaces ``path`` when the block ends.

    If the block fails, ``path`` is unchanged. What was written stays under the temporary name, and a note on the
    exception says so.

    Raises:
        OSError: the folder cannot be written, or is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    with partial.open("w", newline="", encoding="utf-8") as stream:
        try:
            yield stream
        except BaseException as error:
            error.add_note(f"the results so far are in {partial}")
            raise
    take_name(partial, path)


def write_whole(path: Path, content: bytes) -> None:
    """Replace ``path`` in one step; on failure ``path`` is unchanged and no temporary file is left.

    Raises:
        OSError: the folder cannot be written, or is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    try:
        partial.write_bytes(content)
        take_name(partial, path)
    except BaseException:
        if partial != path:
            partial.unlink(missing_ok=True)
        raise


def take_name(partial: Path, path: Path) -> None:
    """Give a complete file its name."""
    if partial != path:
        os.replace(partial, path.resolve())
