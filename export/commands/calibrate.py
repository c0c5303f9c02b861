"""``rrcanet calibrate``."""

from pathlib import Path

import click
import numpy as np

from export.commands.options import range_option, require_writable, writing
from export.evaluation.evaluate import evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource, SourceError
from export.onnx.card import record_calibration
from intensity import Range
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import ALL
from model.scoring.calibration import Curve, fit_curve
from model.training.selection import SPLIT_SEPARATOR
from service.commands.progress import progress
from service.detection.options import RangeMode, range_text
from service.runtime import Device, ModelFault
from service.runtime.card import Calibration, Card

EPILOG = "Example: rrcanet calibrate models/nuaa.onnx --data datasets/IRSTD-1k --split train"


@click.command("calibrate", epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), multiple=True, required=True, help="Folder; may be repeated.")
@click.option("--split", default="train", show_default=True, help="Frames that MODEL was not trained on.")
@click.option(
    "--device", type=click.Choice([one.value for one in Device]), default=Device.AUTO.value, show_default=True
)
@range_option
def calibrate_command(model: Path, data: tuple[Path, ...], split: str, device: Device, span: RangeMode | Range) -> None:
    """Fit MODEL's confidence: of the targets given 0.9, nine in ten shall be real on these frames.

    The curve and the frames' origin are written into the model file's card. The curve holds for requests of the same
    range, which the origin names where it is not auto.
    """
    if model.is_file():  # what is not there is named below, and no folder is made for it
        require_writable(model)
    try:
        folders = [FrameFolder(folder, split) for folder in data]
        source = FileSource(model, Device(device), calibrated=False, span=span)
        for folder in folders:
            _refuse_what_was_trained_on(source.detector.runtime.card, folder)
        curve, count = _fit(source, folders)
    except (DataError, ModelFault, SourceError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    names = ", ".join(f"{folder.root.resolve().name} {folder.split}" for folder in folders)
    asked = "" if span is RangeMode.AUTO else f" with range={range_text(span)}"
    origin = f"{names}{asked}: {count} targets found"
    with writing(model):
        record_calibration(model, Calibration(scores=curve.scores, confidences=curve.confidences, fitted_on=origin))
    knots = ", ".join(f"{s:.3f} -> {c:.3f}" for s, c in zip(curve.scores, curve.confidences, strict=True))
    click.echo(f"fitted on {origin}: {knots}")
    if asked:
        click.echo(f"confidences hold for requests{asked}; the service maps by range=auto unless asked", err=True)


def _refuse_what_was_trained_on(card: Card, folder: FrameFolder) -> None:
    """On its own training frames a model is more often right than it will ever be again."""
    shared = folder.set_names & {Path(one).name for one in card.trained_on}
    splits = card.split.split(SPLIT_SEPARATOR)
    if shared and folder.split in (ALL, *splits):
        raise DataError(
            f"{card.name} was trained on {min(shared)} {card.split}: its confidence has to be fitted on other frames"
        )


def _fit(source: FileSource, folders: list[FrameFolder]) -> tuple[Curve, int]:
    scores, real = [], []
    for folder in folders:
        frames = evaluate(source, folder, Grid.NATIVE)
        for result in progress(frames, len(folder), f"evaluating {folder.root.name}", "frame"):
            scores.append(result.confidences)
            real.append(result.real)
    joined = np.concatenate(scores)
    return fit_curve(joined, np.concatenate(real)), joined.size
