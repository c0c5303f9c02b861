"""Files that are read are kept from being overwritten."""

from collections.abc import Iterable
from pathlib import Path


class InputFiles:
    """Told apart by what is on the disk, whatever the links to it.

    Args:
        frames: files of frames.
        others: files that are read besides.
    """

    def __init__(self, frames: Iterable[Path], others: Iterable[Path] = ()) -> None:
        told = [(path, f"the frames of {path}") for path in frames] + [(path, str(path)) for path in others]
        self._told = {file: text for path, text in told if (file := _file(path)) is not None}

    def refuse_overwriting(self, targets: Iterable[Path]) -> None:
        """See that none of ``targets`` is one of the files.

        Raises:
            ValueError: one is.
        """
        for target in targets:
            if (file := _file(target)) in self._told:
                raise ValueError(f"{target} would overwrite {self._told[file]}; choose another place")


def _file(path: Path) -> tuple[int, int] | None:
    """Device and inode; None where nothing is."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
