"""Figures are kept in a file as they are measured."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import click

from model.files import write_atomically
from model.training.commit import commit

TRIES: Final = 2  # of a row: what fails, hangs or takes too long must not use up every call


class Rows:
    """What ``file`` holds, if it was measured ``on`` the same device with the same versions; else nothing yet.

    What failed under another commit was not tried yet: the code may have been mended since.
    """

    def __init__(self, file: Path | None, on: str, **about: Any) -> None:
        self._file, self._about = file, {"on": on, "commit": commit()} | about
        before = json.loads(file.read_text()) if file is not None and file.exists() else {}
        same = before.get("on") == on
        self._figures: dict[str, float] = before["steps_per_s"] if same else {}
        same_code = before.get("commit") == self._about["commit"]
        self._tries: dict[str, int] = before["tries"] if same and same_code else {}
        if before and not same:
            click.echo(f"{file} was measured on {before.get('on', 'something else')}: all is measured again")

    def measure(self, name: str, work: Callable[[], float]) -> float | None:
        """The figure of this name: kept, or measured now by ``work``; None if it cannot be measured."""
        if name in self._figures:
            return self._figures[name]
        if self._tries.get(name, 0) < TRIES:
            self._tries[name] = self._tries.get(name, 0) + 1
            self._keep()  # before: a try that ends with the process counts too
            try:
                self._figures[name] = work()
            except Exception as error:  # every library has its own
                click.echo(f"{name}: {type(error).__name__}: {error}".splitlines()[0][:200], err=True)
            self._keep()
        return self._figures.get(name)

    def missing(self, names: Iterable[str]) -> bool:
        """Whether another run has something to try."""
        return any(name not in self._figures and self._tries.get(name, 0) < TRIES for name in names)

    def _keep(self) -> None:
        if self._file is not None:
            found = self._about | {"steps_per_s": self._figures, "tries": self._tries}
            write_atomically(self._file, (json.dumps(found, indent=1) + "\n").encode())
