"""``rrcanet evaluate``."""

import json
import sys
from pathlib import Path

import click
import numpy as np
from tqdm import tqdm

from export.card import record_measurement
from export.evaluate import FrameResult, evaluate
from export.grid import Grid
from export.report import Report
from export.source import SourceError, open_source
from model.calibration import calibration_error
from model.data import DataError, FrameFolder
from model.metrics import score
from service.runtime import Device, ModelFault

EPILOG = "Example: rrcanet evaluate http://localhost:8000 --data datasets/NUAA-SIRST --split test --grid native"


@click.command("evaluate", epilog=EPILOG)
@click.argument("model", metavar="MODEL|URL")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with images/ and masks/.")
@click.option("--split", default="test", show_default=True, help="A file of names, or the stem of one in the folder.")
@click.option("--grid", type=click.Choice([one.value for one in Grid]), default=Grid.NATIVE.value, show_default=True)
@click.option(
    "--device", type=click.Choice([one.value for one in Device]), default=Device.AUTO.value, show_default=True
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the scores here too.")
@click.option("--record", is_flag=True, help="Write the scores into the model file's card.")
def evaluate_command(
    model: str, data: Path, split: str, grid: Grid, device: Device, json_file: Path | None, record: bool
) -> None:
    """Score MODEL, a file or the URL of a running service, on a folder of frames and masks.

    Prints a Markdown table. Exit code 1: the data, the model or an answer is at fault, which is named.
    """
    if record and not Path(model).is_file():
        raise click.UsageError("--record needs a model file")
    try:
        folder = FrameFolder(data, split)
        source = open_source(model, Device(device))
        progress = tqdm(total=len(folder), desc="evaluating", unit="frame", disable=not sys.stderr.isatty())
        with progress:
            results = []
            for result in evaluate(source, folder, Grid(grid)):
                results.append(result)
                progress.update()
    except (DataError, ModelFault, SourceError) as error:
        raise click.ClickException(str(error)) from error
    report = summarise(source.name, folder, Path(split).stem, Grid(grid), results)
    click.echo(f"{source.name}\n\n{report.markdown()}")
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    if record:
        try:
            record_measurement(Path(model), report)
        except ValueError as error:  # no target, or none found: a card holds numbers
            raise click.ClickException(f"nothing to record: {error}") from error


def summarise(model: str, folder: FrameFolder, split: str, grid: Grid, results: list[FrameResult]) -> Report:
    """Scores of all frames together."""
    return Report(
        model=model,
        dataset=folder.root.resolve().name,
        split=split,
        grid=grid,
        scores=score(result.counts for result in results),
        calibration_error=calibration_error(
            np.concatenate([result.confidences for result in results]),
            np.concatenate([result.real for result in results]),
        ),
    )
