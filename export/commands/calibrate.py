"""``rrcanet calibrate``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from export.commands.options import device_option, range_option, require_writable, writing
from export.evaluation.evaluate import FrameResult
from export.evaluation.source import FileSource, SourceError
from export.evaluation.thresholds import evaluate_at
from export.onnx.card import record_calibration, record_threshold
from export.report.table import Table, format_score
from intensity import Range
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import ALL
from model.scoring.calibration import Curve, fit_curve
from model.scoring.metrics import Counts
from model.scoring.operating_points import OperatingCurve, operating_curve
from model.scoring.threshold import CANDIDATES, RULE, best_trial, try_thresholds
from model.training.selection import SPLIT_SEPARATOR
from service.commands.progress import progress
from service.detection.options import RangeMode, range_text
from service.detection.sensitivity import FALSE_ALARMS_PER_MPX, Sensitivity, known_from_per_mpx
from service.runtime import Device, ModelFault
from service.runtime.card import Calibration, Card, OperatingPoints

EPILOG = "Example: rrcanet calibrate models/nuaa.onnx --data datasets/IRSTD-1k --split train"
FEW_FALSE: Final = 10  # false targets, below which a share of false ones is hardly measured
ROWS: Final = 8  # of the printed table
CHOOSE: Final = "auto"
THRESHOLD_HELP: Final = (
    "Also store a threshold: a number from 0 to 1, or auto.  [default: the model keeps its threshold]"
)

Results = dict[float, list[list[FrameResult]]]  # for each threshold and each dataset: the results of its frames


class ThresholdType(click.ParamType[float | str]):
    """``auto``, or a number from 0 to 1."""

    name = f"{CHOOSE}|NUMBER"

    def convert(self, value: float | str, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """The threshold, or ``auto``."""
        if value == CHOOSE:
            return value
        try:
            threshold = float(value)
        except ValueError:
            threshold = float("nan")
        if not 0 <= threshold <= 1:
            self.fail(f"{value!r} is neither {CHOOSE} nor a number from 0 to 1", param, ctx)
        return threshold


@click.command("calibrate", epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), multiple=True, required=True, help="Dataset; may be repeated.")
@click.option("--split", default="train", show_default=True, help="Split that MODEL was not trained on.")
@device_option
@click.option("--threshold", "requested", type=ThresholdType(), help=THRESHOLD_HELP)
@range_option
def calibrate_command(
    model: Path,
    data: tuple[Path, ...],
    split: str,
    device: Device,
    requested: float | str | None,
    span: RangeMode | Range,
) -> None:
    """Calibrate MODEL's confidence: of the targets with confidence 0.9, nine in ten are real on these frames.

    The calibration curve, the curve of Pd against false alarms (operating points) and the origin of the frames are
    written into the card of the model file. Both curves are valid for requests with the same range; the card names the
    range if it is not auto.

    Each dataset counts the same for the confidence, however many frames it has. One without targets counts only for
    false alarms.

    --threshold auto tries 20 thresholds and stores the one with the highest IoU at which no dataset has a lower IoU
    than at 0.5, and false objects do not exceed those at 0.5 by more than a tenth. It stores 0.5 if that gains less
    than 0.2 points of IoU. The card names this rule and the frames. If the threshold changes, the scores that the card
    holds are removed, because they belong to the threshold before.
    """
    if model.is_file():  # a missing file is reported below
        require_writable(model)
    with_range = "" if span is RangeMode.AUTO else f" with range={range_text(span)}"
    try:
        folders = [FrameFolder(folder, split) for folder in data]
        source = FileSource(model, Device(device), calibrated=False, span=span)
        card = source.detector.runtime.card
        for folder in folders:
            _refuse_what_was_trained_on(card, folder)
        names = ", ".join(f"{folder.root.resolve().name} {folder.split}" for folder in folders) + with_range
        results = _evaluate(source, folders, _thresholds(requested, card))
        threshold, rule = _choose(results, names) if requested == CHOOSE else (next(iter(results)), None)
        datasets = [Found.of(frames) for frames in results[threshold]]
        curve, found = fit(datasets), Found.together(datasets)
        points = operating_curve(curve(found.scores), found.real, found.targets, found.pixels)
    except (DataError, ModelFault, SourceError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    origin = f"{names}: {found.scores.size} targets found"
    with writing(model):
        if requested is not None:
            record_threshold(model, threshold, rule)
        record_calibration(
            model,
            Calibration(score="peak", scores=curve.scores, confidences=curve.confidences, fitted_on=origin),
            OperatingPoints(
                confidences=points.confidences,
                pd=points.pd,
                false_alarms_per_mpx=points.false_per_megapixel,
                targets=found.targets,
                megapixels=found.pixels / 1e6,
                measured_on=names,
            ),
        )
    if requested is not None:
        click.echo(f"threshold {threshold:g}, before {card.threshold:g}: {rule or 'set by hand'}")
    knots = ", ".join(f"{s:.7g} -> {c:.4g}" for s, c in zip(curve.scores, curve.confidences, strict=True))
    click.echo(f"fitted on {origin}: {knots}")
    known_from = known_from_per_mpx(found.pixels / 1e6)
    click.echo(f"operating points, known well from {known_from:g} false alarms / Mpx:\n\n{_table(points).markdown()}")
    for warning in _warnings(found):
        click.echo(f"warning: {warning}", err=True)
    if with_range:
        click.echo(f"the confidences are valid for requests{with_range}; the default is range=auto", err=True)


@dataclass(frozen=True, slots=True)
class Found:
    """What a model finds in the frames of a dataset, or of several.

    Attributes:
        scores: ``[T]``, highest probability of each predicted target, 0..1.
        real: ``[T]``, whether a true target claims the predicted one.
        targets: number of true targets.
        pixels: number of pixels of all frames.
    """

    scores: NDArray[np.float64]
    real: NDArray[np.bool_]
    targets: int
    pixels: int

    @classmethod
    def of(cls, frames: Sequence[FrameResult]) -> "Found":
        """What was found in the frames of a dataset."""
        total = sum((frame.counts for frame in frames), Counts())
        scores, real = (np.concatenate([getattr(frame, name) for frame in frames]) for name in ("confidences", "real"))
        return cls(scores, real, total.targets, total.pixels)

    @classmethod
    def together(cls, datasets: Sequence["Found"]) -> "Found":
        """What was found in all datasets."""
        scores, real = (np.concatenate([getattr(one, name) for one in datasets]) for name in ("scores", "real"))
        return cls(scores, real, sum(one.targets for one in datasets), sum(one.pixels for one in datasets))


def fit(datasets: Sequence[Found]) -> Curve:
    """The calibration curve of the datasets that have targets. A pixel of a small one counts more: all count the same.

    A dataset without targets says nothing about the share of targets that are real: it is 0 there, whatever the score.

    Raises:
        ValueError: no dataset has a target, or the model found too few.
    """
    of_use = [one for one in datasets if one.targets]
    if not of_use:
        raise ValueError("the frames have no target: confidences need frames with targets")
    together = Found.together(of_use)
    return fit_curve(
        together.scores,
        together.real,
        np.repeat([1 / one.pixels for one in of_use], [one.scores.size for one in of_use]),
    )


def _warnings(found: Found) -> list[str]:
    """What the frames cannot say, and what to do."""
    false, megapixels = int(np.count_nonzero(~found.real)), found.pixels / 1e6
    warnings = []
    if false < FEW_FALSE:
        warnings.append(
            f"only {false} of {found.scores.size} targets found are false, so the confidences rest on their number "
            "alone: add frames with clutter, where the model raises false alarms"
        )
    if megapixels * FALSE_ALARMS_PER_MPX[Sensitivity.QUIET] < 1:
        warnings.append(
            f"the frames have {megapixels:.3g} megapixels, so a rate below {1 / megapixels:.2g} false alarms per "
            f"megapixel cannot be measured; sensitivity={Sensitivity.QUIET} asks for "
            f"{FALSE_ALARMS_PER_MPX[Sensitivity.QUIET]:g}: add frames"
        )
    return warnings


def _table(points: OperatingCurve) -> Table:
    """About eight points of the curve."""
    chosen = np.unique(np.linspace(0, len(points.confidences) - 1, ROWS).round().astype(int))
    rows = tuple(
        (
            f"{points.confidences[index]:.3f}",
            f"{100 * points.pd[index]:.1f}",
            f"{points.false_per_megapixel[index]:.3g}",
        )
        for index in chosen
    )
    return Table(("lowest confidence", "Pd %", "false alarms / Mpx"), rows)


def _refuse_what_was_trained_on(card: Card, folder: FrameFolder) -> None:
    """Refuse frames that the model was trained on: its confidence on them would be too high for any other frame."""
    shared = folder.set_names & {Path(one).name for one in card.trained_on}
    splits = card.split.split(SPLIT_SEPARATOR)
    if shared and folder.split in (ALL, *splits):
        raise DataError(
            f"{card.name} was trained on {min(shared)} {card.split}: calibrate its confidence on other frames"
        )


def _thresholds(requested: float | str | None, card: Card) -> Sequence[float]:
    if isinstance(requested, float):
        return (requested,)
    return CANDIDATES if requested == CHOOSE else (card.threshold,)


def _evaluate(source: FileSource, folders: list[FrameFolder], thresholds: Sequence[float]) -> Results:
    results: Results = {threshold: [[] for _ in folders] for threshold in thresholds}
    for index, folder in enumerate(folders):
        frames = evaluate_at(source, folder, thresholds)
        for found in progress(frames, len(folder), f"evaluating {folder.root.name}", "frame"):
            for threshold, result in zip(thresholds, found, strict=True):
                results[threshold][index].append(result)
    return results


def _choose(results: Results, names: str) -> tuple[float, str]:
    """The threshold that the rule chooses, and what the card says about it. The trials are printed as a table."""
    trials = try_thresholds(
        {
            threshold: [sum((frame.counts for frame in folder), Counts()) for folder in folders]
            for threshold, folders in results.items()
        }
    )
    rows = tuple(
        (
            f"{trial.threshold:g}",
            format_score(100 * trial.iou),
            format_score(100 * trial.pd),
            str(trial.false_objects),
            "yes" if trial.allowed else "no",
        )
        for trial in trials
    )
    click.echo(f"{Table(('threshold', 'IoU %', 'Pd %', 'false objects', 'allowed'), rows).markdown()}\n")
    return best_trial(trials).threshold, f"{RULE}: {names}"
