"""False alarms asked for and found: what a model's operating points promise, on frames that they were not measured on.

python -m benchmarks.accuracy.false_alarms service/pretrained/rrcanet.onnx --data datasets/NUAA-SIRST --split test
"""

from pathlib import Path
from typing import Final

import click
import numpy as np

from export.evaluation.evaluate import FrameResult, evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource
from export.report.table import Table
from model.data.dataset import FrameFolder
from model.scoring.metrics import Counts
from service.commands.progress import progress
from service.detection.options import Options
from service.detection.sensitivity import lowest_confidence
from service.runtime import Device
from service.runtime.card import Card

RATES: Final = (0.1, 0.25, 0.5, 1.0, 2.0)  # false alarms per megapixel


def asked_and_found(card: Card, results: list[FrameResult], rates: tuple[float, ...] = RATES) -> Table:
    """For each rate that is asked for: the lowest confidence, and false alarms per megapixel and Pd that were found."""
    confidences = np.concatenate([result.confidences for result in results])
    real = np.concatenate([result.real for result in results])
    total = sum((result.counts for result in results), Counts())
    rows = []
    for rate in rates:
        lowest = lowest_confidence(card, Options(false_alarms_per_mpx=rate))
        kept = confidences >= lowest
        false, found = int((kept & ~real).sum()), int((kept & real).sum())
        cells = (
            f"{rate:g}",
            f"{lowest:.3f}",
            f"{1e6 * false / total.pixels:.2f}",
            f"{100 * found / total.targets:.1f}" if total.targets else "-",
        )
        rows.append(cells)
    return Table(("asked / Mpx", "lowest confidence", "found / Mpx", "Pd %"), tuple(rows))


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with frames and masks.")
@click.option("--split", default="test", show_default=True)
def false_alarms_command(model: Path, data: Path, split: str) -> None:
    """Print a table of rates asked for and found. MODEL needs operating points (rrcanet calibrate)."""
    source, folder = FileSource(model, Device.CPU), FrameFolder(data, split)
    results = list(progress(evaluate(source, folder, Grid.NATIVE), len(folder), "evaluating", "frame"))
    click.echo(asked_and_found(source.detector.runtime.card, results).markdown())


if __name__ == "__main__":
    false_alarms_command(prog_name="python -m benchmarks.accuracy.false_alarms")
