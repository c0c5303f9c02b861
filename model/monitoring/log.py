"""The log of a run: one row every few steps, as CSV, and as TensorBoard events if they were requested."""

import csv
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from model.scoring.metrics import Scores

LOG_FILE: Final = "log.csv"
NAN: Final = float("nan")


class LogError(Exception):
    """The log cannot be read or written. The message says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``loss`` is the mean since the row before; scores are those of the held-out frames, NaN if not scored.

    Ratios are 0..1.
    """

    step: int
    loss: float
    learning_rate: float
    iou: float = NAN
    niou: float = NAN
    pd: float = NAN
    false_objects_per_megapixel: float = NAN

    @classmethod
    def of(cls, step: int, loss: float, learning_rate: float, scores: Scores | None) -> "Row":
        """A row with scores, if there are any."""
        if scores is None:
            return cls(step, loss, learning_rate)
        return cls(step, loss, learning_rate, scores.iou, scores.niou, scores.pd, scores.false_objects_per_megapixel)


COLUMNS: Final = tuple(field.name for field in fields(Row))


class RunLog:
    """The log in the folder of a run.

    Args:
        out: folder of the run.
        first: number of finished steps. Later rows of an interrupted run are dropped, since their steps run again.
        tensorboard: whether events are written, too.

    Raises:
        LogError: the old log cannot be read, or events were requested but their library is not installed.
    """

    def __init__(self, out: Path, first: int, tensorboard: bool = False) -> None:
        self._file = out / LOG_FILE
        self.rows = [row for row in _read(self._file) if row.step <= first] if first else []
        self._events = _open_events(out, first) if tensorboard else None
        self._write_all()

    def add(self, row: Row) -> None:
        """Append a row. NaN is an empty cell.

        Raises:
            LogError: the log cannot be written.
        """
        self.rows.append(row)
        try:
            with self._file.open("a", newline="") as file:
                csv.writer(file).writerow(_cells(row))
        except OSError as error:
            raise LogError(f"cannot write {self._file}: {error.strerror}") from error
        if self._events is not None:
            for name, value in asdict(row).items():
                if name != "step" and math.isfinite(value):
                    place = name if name in ("loss", "learning_rate") else f"held-out/{name}"
                    self._events.add_scalar(place, value, row.step)
            self._events.flush()

    def close(self) -> None:
        """Close the file of events."""
        if self._events is not None:
            self._events.close()

    def _write_all(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("w", newline="") as file:
                csv.writer(file).writerows([COLUMNS, *map(_cells, self.rows)])
        except OSError as error:
            raise LogError(f"cannot write {self._file}: {error.strerror}") from error


def _cells(row: Row) -> list[str]:
    values = (getattr(row, name) for name in COLUMNS)
    return ["" if math.isnan(value) else f"{value:.6g}" if isinstance(value, float) else str(value) for value in values]


def _read(file: Path) -> Iterator[Row]:
    if not file.exists():
        return
    try:
        with file.open(newline="") as lines:
            for line in csv.DictReader(lines):
                with suppress(ValueError, KeyError, TypeError):  # a line that was cut off when the run was killed
                    others = {name: float(line[name] or NAN) for name in COLUMNS if name != "step"}
                    yield Row(int(line["step"]), **others)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"{file} cannot be read: {error}") from error


def _open_events(out: Path, first: int) -> Any:
    """A writer of events. Events after step ``first`` are hidden by TensorBoard."""
    try:
        from tensorboardX import SummaryWriter
    except ModuleNotFoundError as missing:
        raise LogError(f"--tensorboard needs {missing.name}: install the extra train") from missing
    return SummaryWriter(logdir=str(out / "tensorboard"), purge_step=first + 1 if first else None)
