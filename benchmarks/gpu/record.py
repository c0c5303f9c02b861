"""The file of what was measured, written anew at every row: a run that is stopped goes on where it ended."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from benchmarks.gpu.speeds import OURS, Case, Speed, by_case, read_speed
from export.bench.report import describe_machine
from model.files import write_atomically
from model.training.commit import commit

TRIES: Final = 2  # of a way at a shape: one that fails, or takes the process with it, must not use up every session


class Record:
    """What ``file`` holds, if it was measured ``on`` the same device with the same versions; else nothing yet.

    What failed under another commit was not tried yet: the code may have been mended since. Rows of our own runtime are
    kept where ``ours``, which tells its code and its model files apart, is still the same.
    """

    def __init__(self, file: Path | None, on: str, ours: str = "") -> None:
        self._file, self._on, self._ours, self._commit = file, on, ours, commit()
        before = json.loads(file.read_text()) if file is not None and file.exists() else {"on": on, "speeds": []}
        if before["on"] != on:
            click.echo(f"{file} was measured on {before['on']}: all is measured again")
        entries = map(read_speed, before["speeds"] if before["on"] == on else [])
        same_commit, same_ours = before.get("commit") == self._commit, before.get("ours", "") == ours
        speeds = [one for one in entries if (one.timing or same_commit) and (same_ours or not one.how.startswith(OURS))]
        self._speeds = {(one.precision, one.shape, one.how): one for one in speeds}

    @property
    def speeds(self) -> list[Speed]:
        """All rows."""
        return list(self._speeds.values())

    def of(self, case: Case) -> dict[str, Speed]:
        """Rows of one precision and shape, by name of the way."""
        return by_case(self.speeds).get(case, {})

    def missing(self, case: Case, names: Iterable[str]) -> dict[str, int]:
        """Ways that have no timing and were not tried too often: how often, by name."""
        rows = self.of(case)
        tries = {how: rows[how].tries if how in rows else 0 for how in names}
        return {how: number for how, number in tries.items() if not _timed(rows.get(how)) and number < TRIES}

    def put(self, speeds: Iterable[Speed]) -> None:
        """Keep these in place of what stood there."""
        self._speeds |= {(one.precision, one.shape, one.how): one for one in speeds}
        if self._file is not None:
            about = {"on": self._on, "machine": describe_machine(), "commit": self._commit, "ours": self._ours}
            found = about | {"speeds": [asdict(one) for one in self.speeds]}
            write_atomically(self._file, (json.dumps(found, indent=1) + "\n").encode())


def _timed(one: Speed | None) -> bool:
    return one is not None and one.timing is not None
