"""Lists of the training frames that a recipe holds out, for calibration and for scores on unseen sequences.

With ``--trained-on``, the frames that it trains on get lists, too.

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
@click.option("--trained-on", is_flag=True, help="Also write RECIPE-trained-on.txt: the frames that RECIPE trains on.")
def held_out_command(recipe: str, data: Path, trained_on: bool) -> None:
    """Write RECIPE-held-out.txt into each dataset of RECIPE: a split for `evaluate` and `calibrate`."""
    try:
        loaded = load_recipe(recipe)
        lists = [(f"{loaded.name}-held-out.txt", held_out(loaded, data))]
        if trained_on:
            lists.append((f"{loaded.name}-trained-on.txt", trained(loaded, data)))
        for file, found in lists:
            for name in {*loaded.datasets} - {folder.root.name for folder, _ in found}:
                (data / name / file).unlink(missing_ok=True)  # of an earlier recipe with this name
            for folder, names in found:
                write_atomically(folder.root / file, "".join(f"{name}\n" for name in names).encode())
                click.echo(f"{folder.root / file}: {len(names)} of {len(folder)} frames")
    except (DataError, RecipeError, OSError) as error:
        raise click.ClickException(str(error)) from error


def held_out(recipe: Recipe, data: Path) -> list[tuple[FrameFolder, list[str]]]:
    """For each dataset with such frames: the names that are held out and in no test split.

    Raises:
        DataError: a dataset is missing or wrong, a pattern matches no frame, or no frame is held out.
    """
    kept = _divided(recipe, data, held=True)
    if not kept:
        raise DataError(f"recipe {recipe.name} holds no frame out")
    return kept


def trained(recipe: Recipe, data: Path) -> list[tuple[FrameFolder, list[str]]]:
    """For each dataset with such frames: the names that the recipe trains on.

    Raises:
        DataError: a dataset is missing or wrong, or a pattern matches no frame.
    """
    return _divided(recipe, data, held=False)


def _divided(recipe: Recipe, data: Path, held: bool) -> list[tuple[FrameFolder, list[str]]]:
    """For each dataset: the names in no test split that are held out, or those that are not."""
    excluded = excluded_names(recipe, data)
    folders = [FrameFolder(data / name, recipe.split) for name in recipe.datasets]
    refuse_unmatched_patterns(recipe, [name for folder in folders for name in folder.names])
    kept = [
        (folder, [name for name in folder.names if name not in excluded and is_held_out(name, recipe) == held])
        for folder in folders
    ]
    return [(folder, names) for folder, names in kept if names]


if __name__ == "__main__":
    held_out_command(prog_name="python -m benchmarks.accuracy.held_out")
