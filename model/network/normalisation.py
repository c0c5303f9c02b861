"""Normalisation of intensities to the network's input: ``(x - mean) / std`` in each input channel.

Provenance: the constants come from the authors' code (yongxianLiu/RRCANet).
Licence: Apache-2.0.
"""

from typing import Final

import torch
from torch import Tensor, nn

from model.recipe import PerChannel

# mean and std of the authors' two code bases: ImageNet's, as in torchvision, and DenseSIRST's own, from their utils.py
IMAGENET: Final = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
DENSESIRST: Final = (101.856, 39.014)


class Normalisation(nn.Module):
    """Normalises intensities and repeats them in each input channel.

    Shapes: ``[N, 1, H, W] -> [N, channels, H, W]``.
    """

    def __init__(self, mean: PerChannel, std: PerChannel, channels: int) -> None:
        super().__init__()
        self._channels = channels
        self._mean, self._std = _constant(mean), _constant(std)

    def forward(self, intensities: Tensor) -> Tensor:
        return ((intensities - self._mean) / self._std).expand(-1, self._channels, -1, -1)


def _constant(values: PerChannel) -> nn.Buffer:
    """A buffer that is not saved with the weights: the record holds the values."""
    constant = torch.tensor(values)
    return nn.Buffer(constant.view(1, -1, 1, 1) if constant.ndim else constant, persistent=False)
