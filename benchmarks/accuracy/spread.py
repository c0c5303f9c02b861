"""How far the scores of a test split could differ by chance: bootstrap over its frames.

python -m benchmarks.accuracy.spread service/pretrained/rrcanet.onnx --data datasets/NUAA-SIRST --split test --grid 256

The frames of the split are drawn again with replacement, many times, and scored each time (Efron, 1979). The interval
says how exact the frames are as a measurement. It does not hold the differences between two trainings.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import numpy as np

from benchmarks.compare.summary import COLUMNS
from export.evaluation.evaluate import evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource, SourceError
from export.report.table import Table, format_score
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import TEST
from model.scoring.metrics import Counts, score
from service.commands.progress import progress
from service.detection.options import RangeMode
from service.runtime import Device, ModelFault

SHARE: Final = 0.95  # of the draws that lie in the interval
DRAWS: Final = 1000


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with frames and masks.")
@click.option("--split", default=TEST, show_default=True)
@click.option("--grid", type=click.Choice([one.value for one in Grid]), default=Grid.NATIVE.value, show_default=True)
@click.option("--range", "span", type=click.Choice([one.value for one in RangeMode]), default=RangeMode.AUTO.value)
def spread_command(model: Path, data: Path, split: str, grid: str, span: str) -> None:
    """Print the scores of MODEL, a model file, with the interval that holds 95 % of the draws."""
    try:
        folder, source = FrameFolder(data, split), FileSource(model, Device.CPU, span=RangeMode(span))
        frames = progress(evaluate(source, folder, Grid(grid)), len(folder), "evaluating", "frame")
        counts = [result.counts for result in frames]
    except (DataError, ModelFault, SourceError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(spread(counts).markdown())


def spread(counts: Sequence[Counts], draws: int = DRAWS) -> Table:
    """Scores of all frames, and the interval of each score.

    Args:
        counts: of each frame.
        draws: number of times that as many frames are drawn.
    """
    rng = np.random.default_rng(0)
    drawn = [score(counts[frame] for frame in rng.integers(0, len(counts), len(counts))) for _ in range(draws)]
    tails = [50 * (1 - SHARE), 50 * (1 + SHARE)]
    rows = []
    for name, value in COLUMNS.items():
        low, high = np.percentile([value(one) for one in drawn], tails)
        rows.append((name, format_score(value(score(counts))), f"{format_score(low)} to {format_score(high)}"))
    return Table(("score", "all frames", "95 % of the draws"), tuple(rows))


if __name__ == "__main__":
    spread_command(prog_name="python -m benchmarks.accuracy.spread")
