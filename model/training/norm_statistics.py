"""Batch norm statistics of given weights, recomputed on plain training crops.

During training the statistics are a running average over augmented crops and changing weights. An average of weights
has no statistics of its own at all.
"""

import copy
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from model.data.packed import PackedFrames
from model.network.normalisation import Normalisation
from model.recipe import Augmentation, Placement, Recipe
from model.sampling.draws import RandomNumbers
from model.sampling.sampler import CropSampler

FIRST_STEP: Final = 1 << 31  # its random numbers are those of no training step


class NormStatistics:
    """Recomputes the batch norm statistics of a network on crops of the training frames.

    Crops have the batch size and the side of the recipe's first crop size. They lie anywhere in a frame and are not
    augmented: they have the pixels of the frame, or of the resized frame for the recipe's ``square_share``. Only flips
    and rotations remain, as the recipe has them.

    Args:
        recipe: the recipe of the run.
        frames: its packed training frames, on the device of the network.
        seed: the run's seed.
    """

    def __init__(self, recipe: Recipe, frames: PackedFrames, seed: int) -> None:
        self._seed, plan = seed, recipe.optimisation
        self._normalised = Normalisation(recipe.mean, recipe.std, recipe.network.in_channels).to(frames.pixels.device)
        self._numbers = RandomNumbers.empty(plan.batch, plan.crop, False, frames.pixels.device)
        plain = plain_augmentation(recipe.augmentation)
        self._sampler = CropSampler(frames, plain, plan.crop, None, recipe.outside_intensity)

    @torch.no_grad()
    def recomputed(self, network: nn.Module, weights: Mapping[str, Tensor], batches: int) -> dict[str, Tensor]:
        """``weights`` with new statistics: the plain mean over ``batches`` batches. ``network`` stays as it is."""
        copied = copy.deepcopy(network).eval()
        copied.load_state_dict(weights)
        norms = [module for module in copied.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.train()
        for batch in range(batches):
            for norm in norms:
                norm.momentum = 1 / (batch + 1)  # the plain mean over the batches so far
            self._numbers.fill(self._seed, FIRST_STEP + batch)
            inputs = self._normalised(self._sampler.draw(self._numbers).intensities)
            copied(inputs.contiguous(memory_format=torch.channels_last))
        return copied.state_dict()


def plain_augmentation(augmentation: Augmentation) -> Augmentation:
    """Crops anywhere, with the sizes of a recipe but without its other changes."""
    return Augmentation(
        target_share=0.0,
        native_share=augmentation.native_share if augmentation.long_side else 1.0,
        square_share=augmentation.square_share,
        scale=(1.0, 1.0),
        long_side=augmentation.long_side,
        symmetry=augmentation.symmetry,
        border=augmentation.border,
        placement=Placement.CORNER,
        gain=(1.0, 1.0),
        offset=(0.0, 0.0),
    )
