"""Scores of all weights that a training run has kept, on a test split, and the best of them.

python -m benchmarks.accuracy.best_epoch runs/nuaa-sirst-authors --data datasets/NUAA-SIRST --grid 256

The paper's authors select the weights that they report in this way. A score that was selected on the test split is too
good, so report it beside the score of the last weights, never alone.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from export.evaluation.evaluate import evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource, SourceError
from export.onnx.card import make_card, write_model
from export.onnx.graph import export_graph
from export.report.table import Table, format_score
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import TEST
from model.network.checkpoint import CheckpointError, load_checkpoint
from model.scoring.metrics import Scores, score
from service.detection.options import RangeMode
from service.runtime import Device, ModelFault

HEAD: Final = ("steps", "IoU %", "nIoU %", "Pd %", "Fa identity e-6", "Fa legacy e-6")


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of one dataset.")
@click.option("--split", default=TEST, show_default=True)
@click.option("--grid", type=click.Choice([one.value for one in Grid]), default=Grid.NATIVE.value, show_default=True)
@click.option("--range", "span", type=click.Choice([one.value for one in RangeMode]), default=RangeMode.AUTO.value)
@click.option("--device", type=click.Choice([one.value for one in Device]), default=Device.AUTO.value)
def main(run: Path, data: Path, split: str, grid: Grid, span: RangeMode, device: Device) -> None:
    """Score each weights-STEP.safetensors of RUN and the last weights."""
    files = sorted(run.glob("weights*.safetensors"))  # the last weights have no step in their name and sort last
    if not files:
        raise click.ClickException(f"{run} holds no weights: rrcanet train writes them")
    try:
        folder = FrameFolder(data, split)
        scored = [_score(file, folder, Grid(grid), RangeMode(span), Device(device)) for file in files]
    except (CheckpointError, DataError, ModelFault, SourceError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(Table(HEAD, tuple(_cells(scored))).markdown())
    steps, best = max(scored, key=lambda one: one[1].iou)
    click.echo(f"\nbest, selected on the {split} split itself: IoU {format_score(100 * best.iou)} after {steps} steps")


def _score(file: Path, folder: FrameFolder, grid: Grid, span: RangeMode, device: Device) -> tuple[int, Scores]:
    """Steps and scores of one file, by the same code that serves."""
    trained = load_checkpoint(file)
    with TemporaryDirectory() as scratch:
        model = Path(scratch) / "model.onnx"
        write_model(model, export_graph(trained, "fp32"), make_card(trained, "kept", "1", 0.5))
        results = evaluate(FileSource(model, device, span=span), folder, grid)
        return trained.record.steps, score(result.counts for result in results)


def _cells(scored: list[tuple[int, Scores]]) -> Iterator[tuple[str, ...]]:
    for steps, one in scored:
        percent = (format_score(100 * value) for value in (one.iou, one.niou, one.pd))
        yield str(steps), *percent, format_score(one.fa_identity), format_score(one.fa_legacy)


if __name__ == "__main__":
    main()
