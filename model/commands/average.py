"""``rrcanet average``."""

from pathlib import Path

import click
import torch

from model.data.dataset import DataError
from model.data.packed import pack
from model.network.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from model.recipe import RecipeError, load_recipe
from model.training.averaging import AverageError, Ingredient, average, refuse_misfits
from model.training.selection import read_frames
from model.training.start import weights_file

EPILOG = (
    "Example: rrcanet average runs/mean.safetensors --recipe generalist-long --data datasets "
    "generalist-long:0.3 runs/wide/weights.safetensors:0.7"
)


class IngredientType(click.ParamType[tuple[str, float]]):
    """``CHECKPOINT:SHARE``."""

    name = "CHECKPOINT:SHARE"

    def convert(
        self, value: str | tuple[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """The checkpoint, and its share of the mean."""
        if not isinstance(value, str):
            return value
        checkpoint, _, text = value.rpartition(":")
        try:
            share = float(text)
        except ValueError:
            share = 0.0
        if not checkpoint or not 0 < share <= 1:
            self.fail(f"{value!r} is no CHECKPOINT:SHARE with a share above 0 and up to 1", param, ctx)
        return checkpoint, share


@click.command("average", epilog=EPILOG)
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("checkpoints", type=IngredientType(), nargs=-1, required=True)
@click.option("--recipe", required=True, help="Recipe whose training frames give the batch norm statistics.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the datasets.")
@click.option("--batches", type=click.IntRange(1), default=100, show_default=True, help="Batches of plain crops.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the crops.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads of this command.  [default: all]")
def average_command(
    out: Path,
    checkpoints: tuple[tuple[str, float], ...],
    recipe: str,
    data: Path,
    batches: int,
    seed: int,
    threads: int | None,
) -> None:
    """Write the weighted mean of CHECKPOINTS to OUT, a file of weights.

    A checkpoint is a file or a name in model/weights. The checkpoints must be of one network with one normalisation,
    and their runs must have begun with the same weights. The shares add up to 1.

    The batch norm statistics of the mean are recomputed on plain crops of the frames that RECIPE trains on: its
    held-out frames and excluded splits stay out. The record of OUT names what was averaged.

    Exit code 1: a checkpoint, the recipe or the data cannot be used. The message names the cause, and nothing is
    written.
    """
    if threads:
        torch.set_num_threads(threads)
    try:
        plan = load_recipe(recipe)
        ingredients = [Ingredient(name, share, load_checkpoint(weights_file(name))) for name, share in checkpoints]
        refuse_misfits(ingredients, plan)
        weights, record = average(ingredients, plan, pack(read_frames(plan, data)), batches, seed)
        save_checkpoint(out, weights, record)
    except (AverageError, CheckpointError, DataError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"wrote {out}: {record.description}")
