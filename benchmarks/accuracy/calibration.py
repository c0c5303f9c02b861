"""How well confidences and rates of false alarms hold on frames that their curves were not fitted on.

Curves are fitted on some of the frames and scored on the others: five-fold over frames, and with each dataset left out.
``--also NAME/SPLIT`` adds frames of another split of a dataset to every fit of confidences; they are never scored, and
rates of false alarms do not use them.

python -m benchmarks.accuracy.calibration service/pretrained/rrcanet.onnx --split generalist-wide-held-out \
    --data datasets/NUAA-SIRST --data datasets/IRSTD-1k --data datasets/DenseSIRST --data datasets/SIRST-v2-empty
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.false_alarms import RATES
from export.commands.calibrate import Found, fit
from export.evaluation.evaluate import FrameResult, evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource
from export.report.table import Table
from model.data.dataset import DataError, FrameFolder
from model.scoring.calibration import Curve, calibration_error, chance_error
from model.scoring.operating_points import operating_curve
from service.commands.progress import progress
from service.detection.sensitivity import point_for
from service.runtime import Device

Frames = Sequence[FrameResult]
Scores = tuple[float, float, float]  # log loss, calibration error, mean confidence
FOLDS: Final = 5
SEEDS: Final = 5  # ways to divide the frames
CERTAIN: Final = 1e-4  # confidences are taken to be this far from 0 and 1, so that one target does not rule a loss
HEAD: Final = (
    *("dataset", "found", "real", "mean confidence", "five-fold log loss", "calibration error"),
    *("left out: log loss", "left out: calibration error", "error by chance", "at most, 19 of 20"),
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """The results of a dataset: those that are scored, and further ones that are only fitted on."""

    name: str
    frames: Frames
    more: Frames

    def fitted(self, kept: NDArray[np.bool_] | None = None) -> Found:
        """What a curve is fitted on: the scored frames, or those of them that are kept, and the further ones."""
        own = self.frames if kept is None else [one for one, stays in zip(self.frames, kept, strict=True) if stays]
        return Found.of([*own, *self.more])


def log_loss(confidences: NDArray[np.float64], real: NDArray[np.bool_]) -> float:
    """Mean of the negative log likelihood of the targets ``[T]``."""
    inside = np.clip(confidences, CERTAIN, 1 - CERTAIN)
    return float(-np.log(np.where(real, inside, 1 - inside)).mean())


def five_fold(datasets: Sequence[Dataset]) -> list[list[float]]:
    """Scores of each dataset, each frame by a curve that was fitted without it: means over ``SEEDS`` divisions."""
    scores = [_one_division(datasets, np.random.default_rng(seed)) for seed in range(SEEDS)]
    rows: list[list[float]] = np.mean(scores, axis=0).tolist()
    return rows


def _one_division(datasets: Sequence[Dataset], rng: np.random.Generator) -> list[Scores]:
    folds = [rng.permutation(len(one.frames)) % FOLDS for one in datasets]
    curves = [fit([one.fitted(own != fold) for one, own in zip(datasets, folds, strict=True)]) for fold in range(FOLDS)]
    return [_scores(one.frames, [curves[fold] for fold in own]) for one, own in zip(datasets, folds, strict=True)]


def left_out(datasets: Sequence[Dataset], dataset: Dataset) -> Scores:
    """Scores of a dataset, by a curve that was fitted on the others."""
    curve = fit([one.fitted() for one in datasets if one is not dataset])
    return _scores(dataset.frames, [curve] * len(dataset.frames))


def rates_left_out(datasets: Sequence[Dataset], dataset: Dataset) -> list[float]:
    """False objects per megapixel of a dataset where a curve of the others promises each of ``RATES``."""
    others = Found.together([Found.of(one.frames) for one in datasets if one is not dataset])
    points = operating_curve(others.scores, others.real, others.targets, others.pixels)
    own = Found.of(dataset.frames)
    lowest = [points.confidences[point_for(points.false_per_megapixel, rate)] for rate in RATES]
    return [1e6 * int(((own.scores >= score) & ~own.real).sum()) / own.pixels for score in lowest]


def _scores(frames: Frames, curves: Sequence[Curve]) -> Scores:
    """Scores of frames, each of them by its own curve."""
    confidences = np.concatenate([curve(frame.confidences) for frame, curve in zip(frames, curves, strict=True)])
    real = np.concatenate([frame.real for frame in frames])
    return log_loss(confidences, real), calibration_error(confidences, real), float(confidences.mean())


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--data", type=click.Path(path_type=Path), multiple=True, required=True, help="Dataset; may be repeated.")
@click.option("--split", required=True, help="Frames that MODEL was not trained on.")
@click.option("--also", metavar="NAME/SPLIT", multiple=True, help="Frames added to every fit of confidences.")
def calibration_command(model: Path, data: tuple[Path, ...], split: str, also: tuple[str, ...]) -> None:
    """Print how well curves that are fitted on some frames hold on others. Scores are highest probabilities."""
    if len(data) < 2:
        raise click.UsageError("each dataset is scored by a curve of the others: give --data at least twice")
    more = _further_splits(also, [folder.name for folder in data])
    try:
        _refuse_overlap(data, split, more)
        datasets = [_dataset(model, folder, split, more.get(folder.name)) for folder in data]
        click.echo(f"{_confidences([one for one in datasets if Found.of(one.frames).targets]).markdown()}\n")
        rows = tuple((one.name, *(f"{rate:.2f}" for rate in rates_left_out(datasets, one))) for one in datasets)
        click.echo(Table(("left out", *(f"asked {rate:g} / Mpx" for rate in RATES)), rows).markdown())
    except (DataError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _further_splits(also: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The split that each ``--also`` adds, by dataset."""
    more: dict[str, str] = {}
    for one in also:
        name, _, split = one.rpartition("/")
        if not split or name not in names:
            raise click.UsageError(f"--also {one}: give NAME/SPLIT, where NAME is one of {', '.join(names)}")
        if name in more:
            raise click.UsageError(f"--also names {name} twice")
        more[name] = split
    return more


def _refuse_overlap(data: Sequence[Path], split: str, more: Mapping[str, str]) -> None:
    """Refuse frames that would be scored by a curve that was fitted on them."""
    for folder in data:
        if folder.name in more:
            scored, further = FrameFolder(folder, split), FrameFolder(folder, more[folder.name])
            if both := sorted({*scored.names} & {*further.names}):
                raise click.UsageError(f"--also {folder.name}/{more[folder.name]} has frames of --split, as {both[0]}")


def _confidences(datasets: Sequence[Dataset]) -> Table:
    """How well confidences hold, in datasets that have targets."""
    curve, rows = fit([one.fitted() for one in datasets]), []
    for one, (loss, error, confidence) in zip(datasets, five_fold(datasets), strict=True):
        found = Found.of(one.frames)
        by_chance = chance_error(curve(found.scores))
        cells = (found.real.mean(), confidence, loss, error, *left_out(datasets, one)[:2], *by_chance)
        rows.append((one.name, str(found.real.size), *(f"{cell:.3f}" for cell in cells)))
    return Table(HEAD, tuple(rows))


def _dataset(model: Path, folder: Path, split: str, also: str | None) -> Dataset:
    more = [] if also is None else _evaluated(model, folder, also)
    return Dataset(folder.name, _evaluated(model, folder, split), more)


def _evaluated(model: Path, folder: Path, split: str) -> list[FrameResult]:
    source, frames = FileSource(model, Device.CPU, calibrated=False), FrameFolder(folder, split)
    return list(progress(evaluate(source, frames, Grid.NATIVE), len(frames), f"evaluating {folder.name}", "frame"))


if __name__ == "__main__":
    calibration_command(prog_name="python -m benchmarks.accuracy.calibration")
