"""Scores of a PyTorch network at native resolution, on frames that are padded and cut as the service does it."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from model.data.dataset import FrameFolder, Sample
from model.network.hosts import Host
from model.network.normalisation import Normalisation
from model.network.rrcanet import RRCANet
from model.recipe import Recipe
from model.scoring.metrics import Counts, Scores, count_frame, score
from service.commands.progress import progress
from service.detection.windows import join, windows_of


@torch.no_grad()
def score_network(network: nn.Module, recipe: Recipe, folders: Iterable[FrameFolder], device: torch.device) -> Scores:
    """Scores over the frames of all folders together; pixels of probability above 0.5 are predicted.

    Raises:
        DataError: a frame cannot be read.
    """
    network.eval()
    names = [(folder, name) for folder in folders for name in folder.names]
    shown = progress(names, len(names), "scoring", "frame")
    normalised = Normalisation(recipe.mean, recipe.std, recipe.network.in_channels).to(device)
    return score(_count(network, normalised, folder.load(name), device) for folder, name in shown)


def _count(network: nn.Module, normalised: Normalisation, sample: Sample, device: torch.device) -> Counts:
    intensities, (height, width) = sample.intensities(), sample.mask.shape
    # a constant frame has no targets
    windows = windows_of(height, width, stride_of(network)) if np.ptp(intensities) else []
    inputs = (torch.from_numpy(window.cut(intensities)).to(device) for window in windows)
    answers = (network(normalised(one))[0].cpu().numpy() for one in inputs)
    return count_frame((join(windows, answers, height, width) > 0) & np.isfinite(sample.counts), sample.mask)


def stride_of(network: nn.Module) -> int:
    """Height and width of a frame must be multiples of this."""
    assert isinstance(network, Host | RRCANet)
    return network.stride
