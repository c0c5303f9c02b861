"""Scores of weights on the frames that a recipe holds out, to compare runs without a look at any test split.

python -m benchmarks.accuracy.held_out_scores generalist-wide runs/mine/weights.safetensors --recipe generalist-wide \
    --data datasets
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import torch

from benchmarks.accuracy.held_out import held_out
from model.data.dataset import DataError, Sample
from model.monitoring.held_out import predict
from model.network.checkpoint import Checkpoint, CheckpointError, build_network, load_checkpoint
from model.recipe import Recipe, RecipeError, load_recipe
from model.scoring.metrics import Counts, count_frame
from model.training.start import weights_file

HEADER: Final = (
    "| weights | dataset | frames | targets | threshold | Pd % | IoU % | false objects a frame |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)
MANY: Final = 40  # frames; of datasets that hold more out, every fourth frame is scored
EVERY: Final = 4
WINDOW_HELP = "Let the channel attention pool over windows of this side, in place of the network's own."


@click.command(epilog="Example: python -m benchmarks.accuracy.held_out_scores generalist-wide --data datasets")
@click.argument("weights", nargs=-1, required=True)
@click.option("--recipe", default="generalist-wide", show_default=True, help="Its held-out frames are scored.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the datasets.")
@click.option("--threshold", "thresholds", multiple=True, type=click.FloatRange(0, 1), default=(0.5, 0.3))
@click.option("--pool-window", type=click.IntRange(1), help=WINDOW_HELP)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
def held_out_scores_command(
    weights: tuple[str, ...],
    recipe: str,
    data: Path,
    thresholds: tuple[float, ...],
    pool_window: int | None,
    threads: int,
) -> None:
    """Score WEIGHTS, files or names in model/weights, on frames that RECIPE holds out: a Markdown table.

    Frames are scored at their own size in float32. Of datasets with more than 40 held-out frames, every fourth one is
    taken, by the order of their names in the split.
    """
    torch.set_num_threads(threads)
    try:
        frames = list(scored_frames(load_recipe(recipe), data))
        click.echo(HEADER)
        for name in weights:
            checkpoint = with_window(load_checkpoint(weights_file(name)), pool_window)
            for dataset, samples in frames:
                for threshold, counts in count(checkpoint, samples, thresholds).items():
                    click.echo(row(name, dataset, threshold, counts))
    except (CheckpointError, DataError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error


def scored_frames(recipe: Recipe, data: Path) -> Iterator[tuple[str, list[Sample]]]:
    """For each dataset with held-out frames: its name and the frames that are scored.

    Raises:
        DataError: see ``held_out``.
    """
    for folder, names in held_out(recipe, data):
        yield folder.root.name, [folder.load(name) for name in names[:: EVERY if len(names) > MANY else 1]]


def with_window(checkpoint: Checkpoint, window: int | None) -> Checkpoint:
    """The same weights in a network that pools over windows; ``None`` keeps the network.

    Raises:
        RecipeError: the window does not fit the network.
    """
    if window is None:
        return checkpoint
    shape = checkpoint.record.network.model_copy(update={"pool_window": window})
    if window % shape.stride:
        raise RecipeError(f"--pool-window {window} is no multiple of {shape.stride}")
    network = build_network(shape)
    network.load_state_dict(checkpoint.network.state_dict())
    return Checkpoint(network, checkpoint.record.model_copy(update={"network": shape}))


def count(checkpoint: Checkpoint, samples: Sequence[Sample], thresholds: Sequence[float]) -> dict[float, Counts]:
    """Counts of all frames together at each threshold."""
    sums = dict.fromkeys(thresholds, Counts())
    for probabilities, sample in zip(predict(checkpoint, samples, torch.device("cpu")), samples, strict=True):
        for threshold in thresholds:
            sums[threshold] += count_frame(probabilities > threshold, sample.mask)
    return sums


def row(name: str, dataset: str, threshold: float, counts: Counts) -> str:
    """A row of the table. Frames without a target have no Pd and no IoU."""
    pd = f"{100 * counts.detected / counts.targets:.1f}" if counts.targets else "-"
    iou = f"{100 * counts.intersection / counts.union:.1f}" if counts.targets else "-"
    false = f"{counts.false_objects / counts.frames:.2f}"
    return f"| {name} | {dataset} | {counts.frames} | {counts.targets} | {threshold:g} | {pd} | {iou} | {false} |"


if __name__ == "__main__":
    held_out_scores_command(prog_name="python -m benchmarks.accuracy.held_out_scores")
