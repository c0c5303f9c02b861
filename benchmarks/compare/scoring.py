"""Scores of a network as it was trained, at native resolution."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from intensity import auto_range, to_intensity
from model.data import FrameFolder, Sample
from model.hosts import Host
from model.metrics import Counts, Scores, count_frame, score
from model.normalisation import Normalisation
from model.recipe import Recipe
from model.rrcanet import RRCANet
from service.progress import progress


@torch.no_grad()
def score_network(network: nn.Module, recipe: Recipe, folders: Iterable[FrameFolder], device: torch.device) -> Scores:
    """Scores over the frames of all folders together; pixels of probability above 0.5 are predicted.

    Raises:
        DataError: a frame cannot be read.
    """
    network.eval()
    names = [(folder, name) for folder in folders for name in folder.names]
    shown = progress(names, len(names), "scoring", "frame")
    return score(_count(network, recipe, folder.load(name), device) for folder, name in shown)


def _count(network: nn.Module, recipe: Recipe, sample: Sample, device: torch.device) -> Counts:
    inputs = _inputs(sample.counts, recipe, stride_of(network), device)
    height, width = sample.mask.shape
    prediction = network(inputs)[0, 0, :height, :width] > 0
    return count_frame(prediction.cpu().numpy(), sample.mask)


def _inputs(counts: NDArray[np.generic], recipe: Recipe, stride: int, device: torch.device) -> Tensor:
    """``[H, W]`` -> ``[1, C, H', W']``: ``auto`` range, mirrored at the edges to multiples of the stride."""
    height, width = counts.shape
    margins = ((0, -height % stride), (0, -width % stride))
    padded = np.pad(to_intensity(counts, auto_range(counts)), margins, mode="symmetric")
    normalised = Normalisation(recipe.mean, recipe.std, recipe.network.in_channels).to(device)
    inputs: Tensor = normalised(torch.from_numpy(padded)[None, None].to(device))
    return inputs


def stride_of(network: nn.Module) -> int:
    """What height and width must be multiples of."""
    assert isinstance(network, Host | RRCANet)
    return network.stride
