"""``rrcanet detect``: the same detection as the service, without HTTP."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from tqdm import tqdm

from rrcanet.frames import RAW_SUFFIXES, SUFFIXES
from service.commands.detect.coco_images import read_coco_images
from service.commands.detect.options import choose, detection_options, warn_about_rate
from service.commands.detect.reading import read_frames
from service.commands.detect.sources import Source, SourceFault, find_sources
from service.commands.detect.tracks import tracking
from service.commands.detect.types import ConfirmationType, SourceType
from service.commands.detect.video.address import SUFFIXES as VIDEO_SUFFIXES
from service.commands.detect.video.address import stream_name
from service.commands.detect.writers import FILES, Format, Result, Writer, open_writer
from service.commands.interruption import termination_interrupts
from service.commands.options import FiniteRange
from service.commands.progress import progress
from service.detection.detector import Detector
from service.detection.options import Options
from service.errors import ServiceError
from service.extras import how_to_install
from service.frames import Frame, RawLayout, Reading
from service.models.repository import load_detector
from service.runtime import ModelFault
from service.tracking.settings import TrackSettings

EPILOG: Final = "Example: rrcanet detect frames/ --format csv --out results"
FORMATS: Final = click.Choice([one.value for one in Format])
FORMAT_HELP: Final = (
    f"{', '.join(f'{form} writes {name}' for form, name in FILES.items())}, png writes one mask per frame, "
    "overlay pictures or a video with markers; docs/reference/cli.md has the fields."
)
FRAMES_HELP: Final = "Also write this file with one row per frame: size, range, and number of targets or error."
COCO_HELP: Final = "COCO annotation file: --format coco writes the ids of its images, found by their file_name."


@click.command("detect", epilog=EPILOG)
@click.argument(
    "frames",
    nargs=-1,
    required=True,
    type=SourceType(exists=True, allow_dash=True, path_type=Path),
    metavar="FRAME|FOLDER|VIDEO|RTSP...",
)
@click.option("-r", "--recursive", is_flag=True, help="Also search folders within folders.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for results; standard output by default."
)
@click.option("--format", "form", type=FORMATS, default=Format.JSON.value, show_default=True, help=FORMAT_HELP)
@click.option("--frames-csv", type=click.Path(dir_okay=False, path_type=Path), help=FRAMES_HELP)
@click.option("--coco-images", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=COCO_HELP)
@detection_options
@click.option(
    "--track", is_flag=True, help="Link the targets of frames that follow each other, and write their tracks."
)
@click.option(
    "--track-confirm",
    type=ConfirmationType(),
    default="3/5",
    show_default=True,
    metavar="M/N",
    help="A track is confirmed when it is seen in M of N frames.",
)
@click.option(
    "--track-gate",
    type=FiniteRange(0, min_open=True),
    default=6.0,
    show_default=True,
    help="Pixels that a target moves against the scene from frame to frame, at most.",
)
@click.option("--max-frames", type=click.IntRange(1), help="Stop a video or a stream after so many frames.")
@click.option(
    "--stall-timeout",
    type=FiniteRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds without a frame after which a stream is connected again.",
)
def detect_command(
    frames: tuple[Path | str, ...],
    recursive: bool,
    out: Path | None,
    form: Format,
    frames_csv: Path | None,
    coco_images: Path | None,
    track: bool,
    track_confirm: tuple[int, int],
    track_gate: float,
    max_frames: int | None,
    stall_timeout: float,
    **given: Any,
) -> None:
    """Find small targets in frames: files, folders of files, - for standard input, videos, or an rtsp:// address.

    The exit code is 1 if a frame could not be read, if the model cannot be used, or if the run was interrupted. A frame
    that could not be read is named, and the other frames are still processed. An interrupted run keeps the results file
    of an earlier run. Videos and streams need the extra video. A stream runs until Ctrl-C, which is no error.
    """
    chosen = choose(**given)
    if coco_images is not None and form != Format.COCO:
        raise click.UsageError("--coco-images needs --format coco")
    sources = _find(frames, chosen.raw, recursive, out)
    settings = TrackSettings(*track_confirm, gate=track_gate) if track else None
    if any(source.is_video for source in sources):
        _require_video()
    try:
        with termination_interrupts():
            images = read_coco_images(coco_images) if coco_images else None
            detector = load_detector(chosen.model, chosen.device, choice=chosen.engine)
            detector.check(chosen.options)
            warn_about_rate(detector.runtime.card, chosen.options)
            run = _Run(
                detector, chosen.options, (chosen.raw, chosen.reading), settings is not None, max_frames, stall_timeout
            )
            opened = open_writer(
                Format(form), out, detector, sources, images=images, frames_csv=frames_csv, track=track
            )
            with opened as plain, tracking(plain, settings) as writer:
                bad = _detect(run, sources, writer)
    except (ModelFault, ServiceError, ValueError, OSError, KeyboardInterrupt) as error:
        raise click.ClickException(_describe(error)) from error
    if bad:
        raise click.ClickException(f"{bad} of the frames could not be read")


@dataclass(frozen=True, slots=True)
class _Run:
    """How the sources of one run are detected."""

    detector: Detector
    options: Options
    how: tuple[RawLayout | None, Reading]
    track: bool
    max_frames: int | None
    stall_s: float


def _detect(run: _Run, sources: list[Source], writer: Writer) -> int:
    """Write the results of all sources; returns the number of frames and videos that could not be read."""
    if len(sources) == 1 and sources[0].is_video:  # its own progress counts frames
        return _detect_source(run, sources[0], writer)
    return sum(_detect_source(run, source, writer) for source in progress(sources, len(sources), "detecting", "file"))


def _detect_source(run: _Run, source: Source, writer: Writer) -> int:
    return _detect_video(run, source, writer) if source.is_video else _detect_file(run, source, writer)


def _detect_video(run: _Run, source: Source, writer: Writer) -> int:
    from service.commands.detect.video.detecting import VideoRun, detect_named  # with the extra video

    video = VideoRun(run.detector, run.options, run.track, run.max_frames)
    return detect_named(video, source, run.stall_s, writer)


def _require_video() -> None:
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise click.ClickException(f"videos need the extra video: {how_to_install('video')}") from error


def _describe(error: BaseException) -> str:
    """Why the run ended, and where its results so far are."""
    reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
    if isinstance(error, ServiceError):
        reason = error.detail
    return "; ".join([reason, *getattr(error, "__notes__", ())])


def _find(frames: Iterable[Path | str], raw: RawLayout | None, recursive: bool, out: Path | None) -> list[Source]:
    suffixes = (*SUFFIXES, *VIDEO_SUFFIXES, *(RAW_SUFFIXES if raw else ()))
    streams = [one for one in frames if isinstance(one, str)]
    paths = [one for one in frames if isinstance(one, Path)]
    if streams and (paths or len(streams) > 1):
        raise click.UsageError("a stream does not end, so its address must be the only argument")
    try:
        return [Source(Path(stream_name(one)), stream_name(one), one) for one in streams] or find_sources(
            paths, suffixes, recursive, out
        )
    except SourceFault as fault:
        raise click.UsageError(str(fault)) from fault
    except OSError as error:
        raise click.ClickException(str(error)) from error


def _detect_file(run: _Run, source: Source, writer: Writer) -> int:
    """Write the result of every frame of a file; returns the number of frames that could not be read."""
    bad = 0
    for page, frame in enumerate(read_frames(source, *run.how)):
        try:
            readable = _readable(frame)
            found = run.detector.detect(readable, run.options)
            writer.add(Result(source.name, page, found, readable.counts))
        except ServiceError as fault:
            bad += 1
            tqdm.write(f"{source.path}: {fault.detail}", file=sys.stderr)
            writer.add_fault(source.name, page, fault)
    return bad


def _readable(frame: Frame | ServiceError) -> Frame:
    if isinstance(frame, ServiceError):
        raise frame
    return frame
