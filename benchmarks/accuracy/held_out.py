"""Lists of the training frames that a recipe holds out, for calibration and for scores on unseen sequences.

python -m benchmarks.accuracy.held_out generalist --data datasets
rrcanet calibrate MODEL --data datasets/NUAA-SIRST --data datasets/IRSTD-1k --split generalist-held-out
"""

from pathlib import Path

import click

from model.data.dataset import DataError, FrameFolder
from model.files import write_atomically
from model.recipe import Recipe, RecipeError, load_recipe
from model.training.selection import excluded_names, is_held_out, refuse_unmatched_patterns


@click.command(epilog="Example: python -m benchmarks.accuracy.held_out generalist --data datasets")
@click.argument("recipe", metavar="RECIPE")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the datasets.")
def held_out_command(recipe: str, data: Path) -> None:
    """Write RECIPE-held-out.txt into each dataset of RECIPE: a split for `evaluate` and `calibrate`."""
    try:
        for folder, names in held_out(load_recipe(recipe), data):
            target = folder.root / f"{load_recipe(recipe).name}-held-out.txt"
            write_atomically(target, "".join(f"{name}\n" for name in names).encode())
            click.echo(f"{target}: {len(names)} of {len(folder)} frames")
    except (DataError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error


def held_out(recipe: Recipe, data: Path) -> list[tuple[FrameFolder, list[str]]]:
    """For each dataset with such frames: the names that are held out and in no test split.

    Raises:
        DataError: a dataset is missing or wrong, a pattern matches no frame, or no frame is held out.
    """
    excluded = excluded_names(recipe, data)
    folders = [FrameFolder(data / name, recipe.split) for name in recipe.datasets]
    refuse_unmatched_patterns(recipe, [name for folder in folders for name in folder.names])
    kept = [(f, [name for name in f.names if name not in excluded and is_held_out(name, recipe)]) for f in folders]
    if not any(names for _, names in kept):
        raise DataError(f"recipe {recipe.name} holds no frame out")
    return [(folder, names) for folder, names in kept if names]


if __name__ == "__main__":
    held_out_command(prog_name="python -m benchmarks.accuracy.held_out")
