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
@click.option("--data", type=click.Path(path_type=Path), multiple=True, required=True, help="Dataset; may be repeated.")
@click.option("--split", default="train", show_default=True, help="Split that MODEL was not trained on.")
@click.option(
    "--device", type=click.Choice([one.value for one in Device]), default=Device.AUTO.value, show_default=True
)
@range_option
def calibrate_command(model: Path, data: tuple[Path, ...], split: str, device: Device, span: RangeMode | Range) -> None:
    """Calibrate MODEL's confidence: of the targets with confidence 0.9, nine in ten are real on these frames.

    The calibration curve and the origin of the frames are written into the card of the model file. The curve is valid
    for requests with the same range; the card names the range if it is not auto.
    """
    if model.is_file():  # a missing file is reported below
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
    with_range = "" if span is RangeMode.AUTO else f" with range={range_text(span)}"
    origin = f"{names}{with_range}: {count} targets found"
    with writing(model):
        record_calibration(model, Calibration(scores=curve.scores, confidences=curve.confidences, fitted_on=origin))
    knots = ", ".join(f"{s:.3f} -> {c:.3f}" for s, c in zip(curve.scores, curve.confidences, strict=True))
    click.echo(f"fitted on {origin}: {knots}")
    if with_range:
        click.echo(f"the confidences are valid for requests{with_range}; the default is range=auto", err=True)


def _refuse_what_was_trained_on(card: Card, folder: FrameFolder) -> None:
    """Refuse frames that the model was trained on: its confidence on them would be too high for any other frame."""
    shared = folder.set_names & {Path(one).name for one in card.trained_on}
    splits = card.split.split(SPLIT_SEPARATOR)
    if shared and folder.split in (ALL, *splits):
        raise DataError(
            f"{card.name} was trained on {min(shared)} {card.split}: calibrate its confidence on other frames"
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
