"""Opens the writer for a format and a folder."""

import io
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TextIO

from service.commands.detect.coco_images import CocoImages, ImageIds
from service.commands.detect.files import InputFiles
from service.commands.detect.sources import Source
from service.commands.detect.whole_file import partial_of, whole_file
from service.commands.detect.writers.coco import CocoWriter, refuse_common_ids
from service.commands.detect.writers.csv_tables import FramesWriter, TargetsWriter
from service.commands.detect.writers.masks_png import PngWriter
from service.commands.detect.writers.overlay import OverlayWriter
from service.commands.detect.writers.result import Writer, Writers
from service.commands.detect.writers.targets_json import JsonLinesWriter, JsonWriter
from service.detection.description import describe_model
from service.detection.detector import Detector


class Format(StrEnum):
    """The format of results."""

    JSON = "json"
    CSV = "csv"
    COCO = "coco"
    PNG = "png"
    OVERLAY = "overlay"


LINES: Final = "targets.jsonl"  # takes the place of targets.json if a source is a video
FILES: Final = {Format.JSON: "targets.json", Format.CSV: "targets.csv", Format.COCO: "results.json"}


@contextmanager
def open_writer(
    form: Format,
    folder: Path | None,
    detector: Detector,
    sources: Collection[Source] = (),
    *,
    images: CocoImages | None = None,
    frames_csv: Path | None = None,
    track: bool = False,
) -> Iterator[Writer]:
    """Open a writer into ``folder`` or to standard output. Results are written when the block ends, even if it fails.

    If the block fails, the results file of an earlier run is unchanged, and a note on the exception says where the
    results so far are.

    Args:
        form: the format of results.
        folder: for results; it is created if it is missing. None means standard output.
        detector: the detector that gives the results.
        sources: the files that are read.
        images: the annotation file whose image ids COCO results carry.
        frames_csv: a second file, with one row for each frame.
        track: whether results have tracks.

    Raises:
        ValueError: masks or overlays would go to standard output; a result would overwrite an input or another result;
            or ``images`` has no image for one of ``sources``.
        OSError: the folder cannot be written.
    """
    inputs = InputFiles((source.path for source in sources), [images.path] if images else [])
    ids = images.ids_of(sources) if images else None
    if form is Format.COCO and images is None:
        refuse_common_ids(sources)
    results = [] if folder is None else _results(form, folder, sources)
    frames_files = [] if frames_csv is None else [frames_csv, partial_of(frames_csv)]
    inputs.refuse_overwriting(results + frames_files)
    _refuse_common(results, frames_files)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if form in (Format.PNG, Format.OVERLAY):
            writer = _pictures(form, folder, inputs)
        else:
            video = any(source.is_video for source in sources)
            stream = stack.enter_context(_stream(form, folder, video))
            writer = _text(form, stream, _Kind(detector, ids, video, track))
        if frames_csv is not None:
            writer = Writers(writer, FramesWriter(stack.enter_context(whole_file(frames_csv))))
        stack.callback(writer.close)
        yield writer


def _results(form: Format, folder: Path, sources: Iterable[Source]) -> list[Path]:
    """The files that will be written. Further pages of a TIFF are only known once it is read."""
    if form in (Format.PNG, Format.OVERLAY):
        names = [f"{source.stem}.{_suffix(form, source)}" for source in sources]
    else:
        names = [_file_name(form, any(source.is_video for source in sources))]
    return [file for name in names for file in (folder / name, partial_of(folder / name))]


def _suffix(form: Format, source: Source) -> str:
    return "mp4" if form is Format.OVERLAY and source.is_video else "png"


def _file_name(form: Format, video: bool) -> str:
    return LINES if form is Format.JSON and video else FILES[form]


def _refuse_common(results: Iterable[Path], frames: Iterable[Path]) -> None:
    common = {path.resolve() for path in frames} & {path.resolve() for path in results}
    if common:
        raise ValueError(f"--frames-csv and the results would both be written to {common.pop()}")


def _stream(form: Format, folder: Path | None, video: bool) -> AbstractContextManager[TextIO]:
    return _standard_output() if folder is None else whole_file(folder / _file_name(form, video))


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may have characters that its encoding lacks
    try:
        yield sys.stdout
    except BaseException as error:
        error.add_note("the results so far are on standard output")
        raise


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a writer of text needs to know of a run."""

    detector: Detector
    ids: ImageIds | None
    video: bool
    track: bool


def _text(form: Format, stream: TextIO, kind: _Kind) -> Writer:
    if form is Format.JSON:
        model = describe_model(kind.detector)
        return JsonLinesWriter(stream, model) if kind.video else JsonWriter(stream, model)
    return TargetsWriter(stream, kind.video, kind.track) if form is Format.CSV else CocoWriter(stream, kind.ids)


def _pictures(form: Format, folder: Path | None, inputs: InputFiles) -> Writer:
    if folder is None:
        raise ValueError(
            f"--format {form} needs --out with a folder for the {'masks' if form is Format.PNG else 'overlays'}"
        )
    return PngWriter(folder, inputs) if form is Format.PNG else OverlayWriter(folder, inputs)
