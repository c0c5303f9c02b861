"""Which writer writes where."""

import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final

from service.answer import describe_model
from service.detector import Detector
from service.guard import Guard
from service.writers.coco import CocoWriter
from service.writers.masks_png import PngWriter
from service.writers.result import Writer
from service.writers.targets_csv import CsvWriter
from service.writers.targets_json import JsonWriter


class Format(StrEnum):
    """What is written."""

    JSON = "json"
    CSV = "csv"
    COCO = "coco"
    PNG = "png"


FILES: Final = {Format.JSON: "targets.json", Format.CSV: "targets.csv", Format.COCO: "results.json"}


@contextmanager
def open_writer(
    form: Format, folder: Path | None, detector: Detector, frames: Collection[Path] = ()
) -> Iterator[Writer]:
    """Write into ``folder``, or to standard output; what was added is written when the block ends.

    Raises:
        ValueError: masks cannot go to standard output, or a result would overwrite one of ``frames``, the files read.
        OSError: the folder cannot be written.
    """
    if form is Format.PNG and folder is None:
        raise ValueError("--format png needs --out, a folder for the masks")
    guard = Guard(frames)
    if folder is not None:
        guard.refuse(_targets(form, folder, frames))
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writer = _make_writer(form, folder, detector, guard, stack)
        yield writer
        writer.close()


def _targets(form: Format, folder: Path, frames: Iterable[Path]) -> list[Path]:
    """What is written, as far as it is known before the frames are read: further pages are not."""
    return [folder / f"{frame.stem}.png" for frame in frames] if form is Format.PNG else [folder / FILES[form]]


def _make_writer(form: Format, folder: Path | None, detector: Detector, guard: Guard, stack: ExitStack) -> Writer:
    if form is Format.PNG:
        assert folder is not None
        return PngWriter(folder, guard)
    stream = (
        sys.stdout
        if folder is None
        else stack.enter_context((folder / FILES[form]).open("w", newline="", encoding="utf-8"))
    )
    if form is Format.JSON:
        return JsonWriter(stream, describe_model(detector))
    return CsvWriter(stream) if form is Format.CSV else CocoWriter(stream)
