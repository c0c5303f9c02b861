"""The weighted mean of checkpoints of one network, with batch norm statistics of its own.

Weights of runs with a common beginning lie in one valley of the loss, and their mean is often better than each of them
(Wortsman et al., "Model soups", ICML 2022). The mean of networks that were trained apart is useless.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from model.data.packed import PackedFrames
from model.network.checkpoint import Checkpoint, TrainingRecord, build_network
from model.recipe import Recipe
from model.training.commit import commit
from model.training.norm_statistics import NormStatistics
from model.training.selection import SPLIT_SEPARATOR

RELATED: Final = 0.5  # smallest correlation of kernels of checkpoints with a common beginning


class AverageError(Exception):
    """The checkpoints cannot be averaged. The message says why."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A checkpoint, its name for messages and the record, and its share of the mean, 0 to 1."""

    name: str
    share: float
    checkpoint: Checkpoint


def refuse_misfits(ingredients: Sequence[Ingredient], recipe: Recipe) -> None:
    """Refuse checkpoints whose mean makes no sense.

    Raises:
        AverageError: the shares do not add up to 1, or a checkpoint has another network or normalisation than the
            recipe, or no common beginning with the first one.
    """
    total = sum(one.share for one in ingredients)
    if not math.isclose(total, 1, abs_tol=1e-3):
        raise AverageError(f"the shares add up to {total:g}: they must add up to 1")
    for one in ingredients:
        record = one.checkpoint.record
        if not recipe.network.has_weights_of(record.network):
            raise AverageError(f"{one.name} is another network than that of recipe {recipe.name}")
        if (record.mean, record.std) != (recipe.mean, recipe.std):
            raise AverageError(f"{one.name} has another normalisation than recipe {recipe.name}")
    first = _kernels(ingredients[0].checkpoint)
    for one in ingredients[1:]:
        correlation = torch.corrcoef(torch.stack([first, _kernels(one.checkpoint)]))[0, 1].item()
        if correlation < RELATED:
            raise AverageError(
                f"{one.name} and {ingredients[0].name} have no common beginning: their kernels correlate by only "
                f"{correlation:.2f}, not by {RELATED}; average checkpoints of runs that began with the same weights"
            )


def average(
    ingredients: Sequence[Ingredient], recipe: Recipe, frames: PackedFrames, batches: int, seed: int
) -> tuple[dict[str, Tensor], TrainingRecord]:
    """Weights and record of the mean. Its batch norm statistics come from plain crops of the recipe's frames.

    Args:
        ingredients: what is averaged; ``refuse_misfits`` has accepted it.
        recipe: its batch size, crop side and seed-dependent draws make the crops.
        frames: packed frames that the recipe trains on.
        batches: number of batches of crops.
        seed: seed of the draws.
    """
    states = [one.checkpoint.network.state_dict() for one in ingredients]
    total = sum(one.share for one in ingredients)
    mean = {
        name: sum((one.share / total * state[name] for one, state in zip(ingredients, states, strict=True)), 0 * value)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }
    network = build_network(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    weights = NormStatistics(recipe, frames, seed).recomputed(network, mean, batches)
    return weights, average_record(ingredients, recipe, batches, seed)


def average_record(ingredients: Sequence[Ingredient], recipe: Recipe, batches: int, seed: int) -> TrainingRecord:
    """The record of the mean. The description names every checkpoint, its share, its recipe and its steps."""
    records = [one.checkpoint.record for one in ingredients]
    parts = " + ".join(
        f"{one.share:.3g} {one.name} ({record.recipe}, {record.steps} steps)"
        for one, record in zip(ingredients, records, strict=True)
    )
    splits = [split for record in records for split in record.split.split(SPLIT_SEPARATOR)]
    commits = [name for record in records for name in record.commit.split(", ")]
    return TrainingRecord(
        recipe=recipe.name,
        description=f"{recipe.description}; mean of {parts}, batch norm statistics of {batches} batches of plain crops",
        datasets=tuple(
            dict.fromkeys(name for names in (recipe.datasets, *(r.datasets for r in records)) for name in names)
        ),
        split=SPLIT_SEPARATOR.join(dict.fromkeys(splits)),
        steps=max(record.steps for record in records),
        seed=seed,
        commit=", ".join(dict.fromkeys([*commits, commit()])),
        mean=recipe.mean,
        std=recipe.std,
        network=recipe.network,
    )


def _kernels(checkpoint: Checkpoint) -> Tensor:
    """All kernels of a network in one vector, each scaled to unit length: batch norm removes their scale."""
    kernels = [one.detach().flatten() for one in checkpoint.network.parameters() if one.ndim == 4]
    return torch.cat([one / one.norm().clamp_min(1e-12) for one in kernels])
