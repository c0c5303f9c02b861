"""Which writer writes where."""

import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, TextIO

from service.answer import describe_model
from service.detector import Detector
from service.guard import Guard
from service.sources import Source
from service.whole_file import partial_of, whole_file
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
    form: Format, folder: Path | None, detector: Detector, sources: Collection[Source] = ()
) -> Iterator[Writer]:
    """Write into ``folder``, or to standard output; what was added is written when the block ends, or fails.

    A block that fails leaves a file of an earlier run as it was; a note of the exception says where the results are.

    Raises:
        ValueError: masks cannot go to standard output, or a result would overwrite one of ``sources``.
        OSError: the folder cannot be written.
    """
    if form is Format.PNG and folder is None:
        raise ValueError("--format png needs --out, a folder for the masks")
    guard = Guard(source.path for source in sources)
    if folder is not None:
        guard.refuse(_targets(form, folder, sources))
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writer = _make_writer(form, folder, detector, guard, stack)
        stack.callback(writer.close)
        yield writer


def _targets(form: Format, folder: Path, sources: Iterable[Source]) -> list[Path]:
    """What is written, as far as it is known before the frames are read: further pages are not."""
    names = [f"{source.stem}.png" for source in sources] if form is Format.PNG else [FILES[form]]
    return [file for name in names for file in (folder / name, partial_of(folder / name))]


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    try:
        yield sys.stdout
    except BaseException as error:
        error.add_note("standard output has what was written until then")
        raise


def _make_writer(form: Format, folder: Path | None, detector: Detector, guard: Guard, stack: ExitStack) -> Writer:
    if form is Format.PNG:
        assert folder is not None
        return PngWriter(folder, guard)
    stream = stack.enter_context(_standard_output() if folder is None else whole_file(folder / FILES[form]))
    if form is Format.JSON:
        return JsonWriter(stream, describe_model(detector))
    return CsvWriter(stream) if form is Format.CSV else CocoWriter(stream)
