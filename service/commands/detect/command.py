"""``rrcanet detect``: the same detection as the service, without HTTP."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource
from tqdm import tqdm

from intensity import Range
from rrcanet.frames import RAW_SUFFIXES, SUFFIXES
from service.commands.detect.coco_images import read_coco_images
from service.commands.detect.reading import read_frames
from service.commands.detect.sources import Source, SourceFault, find_sources
from service.commands.detect.tracks import tracking
from service.commands.detect.types import ConfirmationType, SourceType
from service.commands.detect.video.address import stream_name
from service.commands.detect.writers import FILES, Format, Result, Writer, open_writer
from service.commands.interruption import termination_interrupts
from service.commands.options import FiniteRange, RadiometryType, RangeType
from service.commands.progress import progress
from service.detection.detector import Detector
from service.detection.options import Options, Polarity, Radiometry, RangeMode
from service.detection.sensitivity import FALSE_ALARMS_PER_MPX, Sensitivity, false_alarm_rate
from service.errors import ServiceError
from service.extras import how_to_install
from service.frames import LONGEST_SIDE, MOST_BYTES, Frame, RawLayout, RawType, Reading, layout_fault, parse_rows
from service.models.repository import load_detector
from service.pretrained import DEFAULT
from service.runtime import Device, ModelFault
from service.tracking import TrackSettings

EPILOG: Final = "Example: rrcanet detect frames/ --format csv --out results"
RAW_TYPES: Final = click.Choice([one.value for one in RawType])
FORMATS: Final = click.Choice([one.value for one in Format])
POLARITIES: Final = click.Choice([one.value for one in Polarity])
FORMAT_HELP: Final = (
    f"{', '.join(f'{form} writes {name}' for form, name in FILES.items())}, png writes one mask per frame, "
    "overlay pictures or a video with markers; docs/reference/cli.md has the fields."
)
FRAMES_HELP: Final = "Also write this file with one row per frame: size, range, and number of targets or error."
COCO_HELP: Final = "COCO annotation file: --format coco writes the ids of its images, found by their file_name."
CONFIDENCE_HELP: Final = "Leave out targets below this confidence, a calibrated probability."
SENSITIVITIES: Final = click.Choice([one.value for one in Sensitivity])
SENSITIVITY_HELP: Final = (
    "Leave out targets by a rate of false alarms in a million pixels: "
    f"{', '.join(f'{name} {rate:g}' for name, rate in FALSE_ALARMS_PER_MPX.items())}. The model needs a measured curve."
)
POLARITY_HELP: Final = (
    "white_hot: targets are brighter than their background; "
    "black_hot: targets are darker, so the frame is inverted before the network runs."
)
RADIOMETRY_HELP: Final = (
    "How counts become temperatures: counts times GAIN plus OFFSET are degrees Celsius, for example 0.04:-273.15."
)
SIDES: Final = click.IntRange(1, LONGEST_SIDE)
BYTES: Final = click.IntRange(0, MOST_BYTES)
UNIT: Final = FiniteRange(0, 1)


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
    "--model",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    help="Model file; by default the one that comes with the package.",
)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for results; standard output by default."
)
@click.option("--format", "form", type=FORMATS, default=Format.JSON.value, show_default=True, help=FORMAT_HELP)
@click.option("--frames-csv", type=click.Path(dir_okay=False, path_type=Path), help=FRAMES_HELP)
@click.option("--coco-images", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=COCO_HELP)
@click.option(
    "--device", type=click.Choice([one.value for one in Device]), default=Device.AUTO.value, show_default=True
)
@click.option(
    "--threshold",
    type=UNIT,
    help="Pixels above this probability belong to targets; by default the model card's threshold.",
)
@click.option("--min-confidence", type=UNIT, default=0.0, show_default=True, help=CONFIDENCE_HELP)
@click.option("--sensitivity", type=SENSITIVITIES, help=SENSITIVITY_HELP)
@click.option(
    "--false-alarms-per-mpx",
    type=FiniteRange(0, min_open=True),
    help="As --sensitivity, with a rate of your own.",
)
@click.option(
    "--min-area", type=click.IntRange(1), default=1, show_default=True, help="Leave out targets of fewer pixels."
)
@click.option("--max-targets", type=click.IntRange(0), default=1000, show_default=True, help="Most targets per frame.")
@click.option(
    "--range",
    "span",
    type=RangeType(),
    default="auto",
    show_default=True,
    help="How counts map to intensity: auto, dtype, minmax or LO:HI.",
)
@click.option("--polarity", type=POLARITIES, default=Polarity.WHITE_HOT.value, show_default=True, help=POLARITY_HELP)
@click.option("--width", type=SIDES, help="Pixels per raw row. Files of raw rows need --width, --height and --dtype.")
@click.option("--height", type=SIDES, help="Raw rows per frame; a file may hold several frames back to back.")
@click.option("--dtype", type=RAW_TYPES, help="Type of raw pixels.")
@click.option("--skip", type=BYTES, default=0, show_default=True, help="Bytes before the first raw row.")
@click.option(
    "--stride",
    type=click.IntRange(1, MOST_BYTES),
    help="Bytes from one raw row to the next.",
)
@click.option("--rows", metavar="TOP:BOTTOM", help="Raw rows of the picture, without telemetry and BOTTOM.")
@click.option("--fill", type=FiniteRange(), help="A count that means no data; such pixels are left out as NaN is.")
@click.option("--byteswap", is_flag=True, help="Swap the two bytes of every 16-bit count.")
@click.option("--radiometric", is_flag=True, help="Read the raw counts that a JPEG of a FLIR camera carries.")
@click.option("--radiometry", type=RadiometryType(), help=RADIOMETRY_HELP)
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
    model: Path,
    out: Path | None,
    form: Format,
    frames_csv: Path | None,
    coco_images: Path | None,
    device: Device,
    threshold: float | None,
    min_confidence: float,
    sensitivity: Sensitivity | None,
    false_alarms_per_mpx: float | None,
    min_area: int,
    max_targets: int,
    span: RangeMode | Range,
    polarity: Polarity,
    width: int | None,
    height: int | None,
    dtype: RawType | None,
    skip: int,
    stride: int | None,
    rows: str | None,
    fill: float | None,
    byteswap: bool,
    radiometric: bool,
    radiometry: Radiometry | None,
    track: bool,
    track_confirm: tuple[int, int],
    track_gate: float,
    max_frames: int | None,
    stall_timeout: float,
) -> None:
    """Find small targets in frames: files, folders of files, - for standard input, videos, or an rtsp:// address.

    The exit code is 1 if a frame could not be read, if the model cannot be used, or if the run was interrupted. A frame
    that could not be read is named, and the other frames are still processed. An interrupted run keeps the results file
    of an earlier run. Videos and streams need the extra video. A stream runs until Ctrl-C, which is no error.
    """
    rate = _false_alarm_rate(sensitivity, false_alarms_per_mpx)
    options = Options(threshold, min_confidence, min_area, max_targets, span, Polarity(polarity), rate, radiometry)
    if coco_images is not None and form != Format.COCO:
        raise click.UsageError("--coco-images needs --format coco")
    raw, reading = _layout(width, height, dtype, skip, stride, rows), Reading(fill, byteswap, radiometric)
    sources = _find(frames, raw, recursive, out)
    settings = TrackSettings(*track_confirm, gate=track_gate) if track else None
    if any(source.is_video for source in sources):
        _require_video()
    try:
        with termination_interrupts():
            images = read_coco_images(coco_images) if coco_images else None
            detector = load_detector(model, Device(device))
            detector.check(options)
            run = _Run(detector, options, (raw, reading), settings is not None, max_frames, stall_timeout)
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


def _false_alarm_rate(sensitivity: Sensitivity | None, false_alarms_per_mpx: float | None) -> float | None:
    source = click.get_current_context().get_parameter_source
    others = {name: source(name) is not ParameterSource.DEFAULT for name in ("min_confidence", "threshold")}
    try:
        return false_alarm_rate(sensitivity and Sensitivity(sensitivity), false_alarms_per_mpx, others)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _describe(error: BaseException) -> str:
    """Why the run ended, and where its results so far are."""
    reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
    if isinstance(error, ServiceError):
        reason = error.detail
    return "; ".join([reason, *getattr(error, "__notes__", ())])


def _layout(
    width: int | None, height: int | None, dtype: RawType | None, skip: int, stride: int | None, rows: str | None
) -> RawLayout | None:
    if (width, height, dtype, skip, stride, rows) == (None, None, None, 0, None, None):
        return None
    if width is None or height is None or dtype is None:
        raise click.UsageError("raw rows need all three of --width, --height and --dtype")
    try:
        layout = RawLayout(width, height, RawType(dtype), skip, stride, None if rows is None else parse_rows(rows))
    except ValueError as error:
        raise click.UsageError(f"--rows {error}") from error
    if fault := layout_fault(layout):
        raise click.UsageError(f"--{fault}")
    return layout


def _find(frames: Iterable[Path | str], raw: RawLayout | None, recursive: bool, out: Path | None) -> list[Source]:
    suffixes = (*SUFFIXES, *RAW_SUFFIXES) if raw else SUFFIXES
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
