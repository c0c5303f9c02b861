"""Protects the files that a run reads from being overwritten by its results."""

from collections.abc import Iterable
from pathlib import Path


class InputFiles:
    """The files that a run reads. They are compared by device and inode, so that links do not matter.

    Args:
        frames: files of frames.
        others: other files that are read.
    """

    def __init__(self, frames: Iterable[Path], others: Iterable[Path] = ()) -> None:
        described = [(path, f"the frames of {path}") for path in frames] + [(path, str(path)) for path in others]
        self._description = {file: text for path, text in described if (file := _file(path)) is not None}

    def refuse_overwriting(self, outputs: Iterable[Path]) -> None:
        """Check that no output is one of the files.

        Raises:
            ValueError: one is.
        """
        for output in outputs:
            if (file := _file(output)) in self._description:
                raise ValueError(f"{output} would overwrite {self._description[file]}; choose another place")


def _file(path: Path) -> tuple[int, int] | None:
    """Device and inode; None if there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
