"""Files that are read are kept from being overwritten."""

from collections.abc import Iterable
from pathlib import Path


class Guard:
    """Told apart by what is on the disk, whatever the links to it."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {file: path for path in paths if (file := _file(path)) is not None}

    def refuse(self, targets: Iterable[Path]) -> None:
        """See that none of ``targets`` is one of the files.

        Raises:
            ValueError: one is.
        """
        for target in targets:
            if (file := _file(target)) in self._paths:
                raise ValueError(f"{target} would overwrite the frames of {self._paths[file]}; choose another --out")


def _file(path: Path) -> tuple[int, int] | None:
    """Device and inode; None where nothing is."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
