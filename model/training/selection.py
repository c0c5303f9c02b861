"""Selects the frames that a recipe trains on, and makes the record of its checkpoints."""

import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from tqdm import tqdm

from model.data.dataset import DataError, FrameFolder, Sample
from model.network.checkpoint import TrainingRecord
from model.recipe import Recipe
from model.training.commit import commit
from model.training.start import starting_checkpoint
from model.training.teacher import teaching_checkpoint

SPLIT_SEPARATOR: Final = ", "  # in a record with several splits: the initial weights were trained on another split


def read_frames(recipe: Recipe, data: Path) -> Iterator[Sample]:
    """The frames that the recipe trains on.

    Raises:
        DataError: a dataset is incomplete or wrong. This is raised before the first frame is read.
    """
    folders = [FrameFolder(data / name, recipe.split) for name in recipe.datasets]
    return _read(folders, excluded_names(recipe, data), recipe)


def excluded_names(recipe: Recipe, data: Path) -> set[str]:
    """Names of frames that must not be trained on, in any dataset."""
    splits = (split.rpartition("/") for split in recipe.exclude)
    return {name for folder, _, split in splits for name in FrameFolder(data / folder, split).names}


def is_held_out(name: str, recipe: Recipe) -> bool:
    """Whether the recipe holds a frame of this name out of training."""
    return any(fnmatchcase(name, pattern) for pattern in recipe.held_out)


def _read(folders: Iterable[FrameFolder], excluded: set[str], recipe: Recipe) -> Iterator[Sample]:
    listed = [(folder, name) for folder in folders for name in folder.names]
    refuse_unmatched_patterns(recipe, [name for _, name in listed])
    names = [(folder, name) for folder, name in listed if name not in excluded and not is_held_out(name, recipe)]
    if not names:
        raise DataError("every frame of the recipe is excluded")
    for folder, name in tqdm(names, desc="reading", unit="frame", disable=not sys.stderr.isatty()):
        yield folder.load(name)


def refuse_unmatched_patterns(recipe: Recipe, names: list[str]) -> None:
    """Refuse patterns that match nothing: after a typing error the scenes would be trained on.

    Raises:
        DataError: a pattern of ``held_out`` matches none of ``names``.
    """
    unmatched = [pattern for pattern in recipe.held_out if not any(fnmatchcase(name, pattern) for name in names)]
    if unmatched:
        raise DataError(f"recipe {recipe.name}: no frame of its data matches held_out {', '.join(unmatched)}")


def training_record(recipe: Recipe, seed: int) -> TrainingRecord:
    """The record for the checkpoints of a run. It includes the datasets and splits of initial weights and teacher.

    Raises:
        RecipeError: the initial weights or the teacher cannot be used.
    """
    before = [one.record for one in (starting_checkpoint(recipe), teaching_checkpoint(recipe)) if one is not None]
    splits = [_stem(recipe.split), *(split for one in before for split in one.split.split(SPLIT_SEPARATOR))]
    return TrainingRecord(
        recipe=recipe.name,
        description=recipe.description,
        datasets=tuple(dict.fromkeys([*recipe.datasets, *(name for one in before for name in one.datasets)])),
        split=SPLIT_SEPARATOR.join(dict.fromkeys(splits)),
        seed=seed,
        commit=commit(),
        mean=recipe.mean,
        std=recipe.std,
        network=recipe.network,
    )


def _stem(split: str) -> str:
    """Name of a split that may be given as a file. Only ``.txt`` is removed, since a name may contain dots."""
    return Path(split).name.removesuffix(".txt")
