"""Which frames a recipe trains on, and what its checkpoints will say of that."""

import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from tqdm import tqdm

from model.checkpoint import TrainingRecord
from model.commit import commit
from model.data import DataError, FrameFolder, Sample
from model.recipe import Recipe
from model.start import start_of


def read_frames(recipe: Recipe, data: Path) -> Iterator[Sample]:
    """Every frame that the recipe trains on.

    Raises:
        DataError: what is missing or wrong, before the first frame is read.
    """
    folders = [FrameFolder(data / name, recipe.split) for name in recipe.datasets]
    return _read(folders, excluded_names(recipe, data), recipe)


def excluded_names(recipe: Recipe, data: Path) -> set[str]:
    """Names that must not be trained on, whichever data set they stand in."""
    splits = (split.rpartition("/") for split in recipe.exclude)
    return {name for folder, _, split in splits for name in FrameFolder(data / folder, split).names}


def is_held_out(name: str, recipe: Recipe) -> bool:
    """Whether a frame of this name is kept back."""
    return any(fnmatchcase(name, pattern) for pattern in recipe.held_out)


def _read(folders: Iterable[FrameFolder], excluded: set[str], recipe: Recipe) -> Iterator[Sample]:
    names = [(folder, name) for folder in folders for name in folder.names if name not in excluded]
    names = [(folder, name) for folder, name in names if not is_held_out(name, recipe)]
    if not names:
        raise DataError("every frame of the recipe is excluded")
    for folder, name in tqdm(names, desc="reading", unit="frame", disable=not sys.stderr.isatty()):
        yield folder.load(name)


def record_of(recipe: Recipe, seed: int) -> TrainingRecord:
    """What the checkpoints of a run say of it: the data of the run it starts from count too.

    Raises:
        RecipeError: what it starts from cannot be used.
    """
    before = start_of(recipe)
    return TrainingRecord(
        recipe=recipe.name,
        description=recipe.description,
        datasets=tuple(dict.fromkeys((*recipe.datasets, *(before.record.datasets if before else ())))),
        split=recipe.split,
        seed=seed,
        commit=commit(),
        mean=recipe.mean,
        std=recipe.std,
        network=recipe.network,
    )
