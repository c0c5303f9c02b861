"""Files that take their name once they are whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def partial_of(path: Path) -> Path:
    """Where a file is written before it takes its name: beside it. A pipe or a device is written as it is."""
    if path.exists() and not path.is_file():
        return path
    real = path.resolve()  # a link stays one
    return real.with_name(f"{real.name}.partial")


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Text that replaces ``path`` when the block ends.

    A block that fails leaves ``path`` as it was; what was written until then stays beside it, and a note of the
    exception names it.

    Raises:
        OSError: the folder cannot be written, or is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    with partial.open("w", newline="", encoding="utf-8") as stream:
        try:
            yield stream
        except BaseException as error:
            error.add_note(f"{partial} has what was written until then")
            raise
    _take_name(partial, path)


def write_whole(path: Path, content: bytes) -> None:
    """Replace ``path`` in one step, or leave it as it was and nothing beside it.

    Raises:
        OSError: the folder cannot be written, or is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    try:
        partial.write_bytes(content)
        _take_name(partial, path)
    except BaseException:
        if partial != path:
            partial.unlink(missing_ok=True)
        raise


def _take_name(partial: Path, path: Path) -> None:
    if partial != path:
        os.replace(partial, path.resolve())
