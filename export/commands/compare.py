"""``rrcanet compare``."""

from pathlib import Path
from typing import Final

import click

from export.commands.evaluate import open_source, summarise
from export.commands.options import (
    data_option,
    device_option,
    grid_option,
    json_option,
    key_option,
    range_option,
    split_option,
    write_json,
)
from export.evaluation.evaluate import FrameResult, evaluate, evaluate_predictions
from export.evaluation.grid import Grid
from export.evaluation.predictions import is_predictions, open_predictions
from export.evaluation.source import SourceError
from export.report.comparison import PAGE, Comparison, write_comparison
from export.report.report import Report
from intensity import Range
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import default_split
from rrcanet.errors import AddressError
from rrcanet.http.address import is_address
from service.commands.progress import progress
from service.detection.options import RangeMode
from service.runtime import Device, ModelFault

EPILOG: Final = "Example: rrcanet compare models/old.onnx models/new.onnx --data datasets/camera --report comparison"
REPORT_HELP: Final = "Write scores, frames and pictures to index.html and report.md in this folder."
SHOWN: Final = 10  # frames of the printed table


@click.command("compare", epilog=EPILOG)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@data_option
@split_option
@grid_option
@device_option
@range_option
@json_option
@click.option("--report", "report_folder", type=click.Path(file_okay=False, path_type=Path), help=REPORT_HELP)
@key_option
@click.option("--worst", type=click.IntRange(0), default=8, show_default=True, help="Pictures in the report.")
def compare_command(
    a: str,
    b: str,
    data: Path,
    split: str | None,
    grid: str,
    device: str,
    span: RangeMode | Range,
    json_file: Path | None,
    report_folder: Path | None,
    key: str | None,
    worst: int,
) -> None:
    """Compare A and B frame by frame, and show the frames where they differ most.

    Each of them is a model file, the URL of a running service, a folder of predicted masks, or a COCO file (.json), as
    for rrcanet evaluate.

    Exit code 1: the data, a model file, a prediction or a response cannot be used. The message names the cause.
    """
    try:
        if report_folder is not None:
            report_folder.mkdir(parents=True, exist_ok=True)
        folder = FrameFolder(data, split or default_split(data))
        one, other = (_score(model, folder, Grid(grid), Device(device), span, key) for model in (a, b))
        comparison = Comparison.of(one[0], other[0], list(zip(one[1], other[1], strict=True)))
        click.echo(f"A: {one[0].model}\nB: {other[0].model}\n\n{comparison.scores().markdown()}\n")
        different = comparison.frames(SHOWN)
        click.echo(different.markdown() if different.rows else "The masks of all frames are equal.")
        if report_folder is not None:
            write_comparison(report_folder, comparison, folder, worst)
            click.echo(f"\nreport: {report_folder / PAGE}")
    except (AddressError, DataError, ModelFault, SourceError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot write the report: {error}") from error
    if json_file is not None:
        write_json(json_file, comparison.as_json())


def _score(
    model: str, folder: FrameFolder, grid: Grid, device: Device, span: RangeMode | Range, key: str | None
) -> tuple[Report, list[FrameResult]]:
    """Scores and results of one side. The masks of all frames are kept, packed."""
    if not is_address(model) and is_predictions(Path(model)):
        found = evaluate_predictions(open_predictions(Path(model), folder.names), folder, grid, keep_masks=True)
        results = list(progress(found, len(folder), f"reading {Path(model).name}", "frame"))
        return summarise(model, folder, grid, None, results), results
    source = open_source(model, device, key, span)
    results = list(progress(evaluate(source, folder, grid, keep_masks=True), len(folder), "evaluating", "frame"))
    return summarise(source.name, folder, grid, span, results), results
