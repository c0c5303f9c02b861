"""``rrcanet evaluate``."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from export.commands.options import (
    data_option,
    device_option,
    grid_option,
    json_option,
    key_option,
    range_option,
    reference_engine_option,
    reference_precision_option,
    require_writable,
    split_option,
    write_json,
    writing,
)
from export.evaluation.details import Details
from export.evaluation.evaluate import FrameResult, evaluate, evaluate_predictions
from export.evaluation.grid import Grid
from export.evaluation.http_source import HttpSource
from export.evaluation.predictions import open_predictions
from export.evaluation.source import FileSource, Source, SourceError
from export.onnx.card import record_measurement
from export.report.report import Report
from intensity import Range
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import default_split
from model.scoring.calibration import calibration_error
from model.scoring.metrics import score
from rrcanet.errors import AddressError
from rrcanet.http.address import is_address
from service.commands.options import engine_choice, refuse_engine_options
from service.commands.progress import progress
from service.detection.options import RangeMode, range_text
from service.extras import how_to_install
from service.runtime import REFERENCE, Device, EngineChoice, ModelFault

EPILOG = "Example: rrcanet evaluate http://localhost:8000 --data datasets/NUAA-SIRST --split test --report report"
REPORT_HELP = "Write curves, groups and the worst frames to index.html and report.md in this folder."
PREDICTIONS_HELP = "Score the masks of any tool in place of a model: a folder of masks, or a COCO file."
WriteReport = Callable[[Report, FrameFolder, list[FrameResult], Details], None]


@click.command("evaluate", epilog=EPILOG)
@click.argument("model", metavar="[MODEL|URL]", required=False)
@click.option("--predictions", type=click.Path(path_type=Path), help=PREDICTIONS_HELP)
@data_option
@split_option
@grid_option
@device_option
@reference_engine_option
@reference_precision_option
@range_option
@json_option
@click.option("--record", is_flag=True, help="Write the scores into the card of the model file.")
@click.option("--report", "report_folder", type=click.Path(file_okay=False, path_type=Path), help=REPORT_HELP)
@key_option
@click.option("--worst", type=click.IntRange(0), default=8, show_default=True, help="Pictures in the report.")
def evaluate_command(
    model: str | None,
    predictions: Path | None,
    data: Path,
    split: str | None,
    grid: str,
    device: str,
    engine: str,
    precision: str,
    span: RangeMode | Range,
    json_file: Path | None,
    record: bool,
    report_folder: Path | None,
    worst: int,
    key: str | None,
) -> None:
    """Score MODEL, a file or the URL of a running service, on a folder of frames and masks.

    The folder may have the layout of any public dataset as it is downloaded. The scores are printed as a Markdown
    table.

    --predictions scores the masks of any tool. A folder has one mask for each frame, named like the frame. A COCO file
    is a list of results, or images with annotations; each entry has a segmentation of run lengths.

    A query in URL is added to every request: 'http://localhost:8000/?model=nuaa-sirst' scores that model of the
    service. At most eight requests run at a time. If the service is busy (429 or 503), a request is retried up to ten
    times, after the time that the service names.

    --range dtype uses 8-bit frames as they are stored, as the paper's authors do; the default of the service is auto.
    The table, the report, the JSON file and the card name the range.

    Exit code 1: the data, the model file or a response cannot be used. The message names the cause.
    """
    _refuse_what_does_not_fit(model, predictions, record, report_folder)
    if record:
        require_writable(Path(str(model)))
    write_report = _report_writer(report_folder, worst) if report_folder else None
    details = Details() if write_report else None
    try:
        folder = FrameFolder(data, split or default_split(data))
        if predictions is not None:
            name, results = str(predictions), _score_masks(predictions, folder, Grid(grid))
        else:
            choice = REFERENCE if is_address(str(model)) else engine_choice(Device(device), engine, precision)
            source = open_source(str(model), Device(device), key, span, choice)
            name, results = source.name, _evaluate_all(source, folder, Grid(grid), details)
    except (AddressError, DataError, ModelFault, SourceError) as error:
        raise click.ClickException(str(error)) from error
    report = summarise(name, folder, Grid(grid), None if predictions else span, results)
    click.echo(f"{name}\n\n{report.markdown()}")
    if json_file is not None:
        write_json(json_file, report.as_json())
    if write_report and details:
        write_report(report, folder, results, details)
    if record:
        try:
            with writing(Path(str(model))):
                record_measurement(Path(str(model)), report)
        except ValueError as error:  # a score is NaN: no target, or no prediction; a card holds numbers only
            raise click.ClickException(f"nothing to record: {error}") from error


def summarise(
    model: str, folder: FrameFolder, grid: Grid, span: RangeMode | Range | None, results: list[FrameResult]
) -> Report:
    """Scores of all frames together. Predicted masks have no ``span``."""
    return Report(
        model=model,
        dataset=folder.root.resolve().name,
        split=folder.split,
        grid=grid,
        range="-" if span is None else range_text(span),
        scores=score(result.counts for result in results),
        calibration_error=calibration_error(
            np.concatenate([result.confidences for result in results]),
            np.concatenate([result.real for result in results]),
        ),
    )


def open_source(
    model: str, device: Device, key: str | None, span: RangeMode | Range, choice: EngineChoice = REFERENCE
) -> Source:
    """The source for MODEL: a service if it is a URL, otherwise a model file. Only a service uses the key."""
    return HttpSource(model, key, span) if is_address(model) else FileSource(Path(model), device, True, span, choice)


def _refuse_what_does_not_fit(
    model: str | None, predictions: Path | None, record: bool, report_folder: Path | None
) -> None:
    if (model is None) == (predictions is None):
        raise click.UsageError("give either MODEL, a file or a URL, or --predictions")
    if record and not Path(str(model)).is_file():
        raise click.UsageError("--record needs a model file")
    if predictions is not None or is_address(str(model)):
        refuse_engine_options()
    if predictions is not None and report_folder is not None:
        raise click.UsageError(
            "--report needs probabilities, which masks do not have: use rrcanet compare for pictures"
        )


def _score_masks(predictions: Path, folder: FrameFolder, grid: Grid) -> list[FrameResult]:
    frames = evaluate_predictions(open_predictions(predictions, folder.names), folder, grid)
    return list(progress(frames, len(folder), "evaluating", "frame"))


def _evaluate_all(source: Source, folder: FrameFolder, grid: Grid, details: Details | None) -> list[FrameResult]:
    """Results of all frames. Their details are added to ``details`` and dropped from the results to save memory."""
    results = []
    frames = evaluate(source, folder, grid, with_details=details is not None)
    for result in progress(frames, len(folder), "evaluating", "frame"):
        if details is not None and result.detail is not None:
            details.add(result.name, result.detail)
        results.append(replace(result, detail=None))
    return results


def _report_writer(target: Path, worst: int) -> WriteReport:
    """A function that writes the report. A missing library or an unusable folder is reported at once."""
    try:
        from export.report.writer import PAGE, write_files

        target.mkdir(parents=True, exist_ok=True)
    except ModuleNotFoundError as missing:
        raise click.UsageError(f"--report needs {missing.name}: {how_to_install('train')}") from missing
    except OSError as error:
        raise click.ClickException(f"cannot write the report: {error}") from error

    def write(report: Report, folder: FrameFolder, results: list[FrameResult], details: Details) -> None:
        try:
            write_files(target, report, folder, results, details, worst)
        except OSError as error:
            raise click.ClickException(f"cannot write the report: {error}") from error
        click.echo(f"\nreport: {target / PAGE}")

    return write
