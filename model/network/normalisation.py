"""Intensities -> what the network reads: ``(x - mean) / std`` in each of its input channels."""

from typing import Final

import torch
from torch import Tensor, nn

from model.recipe import PerChannel

# of the authors' code bases: ImageNet's, as torchvision gives them; DenseSIRST's own (``utils.py`` there)
IMAGENET: Final = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
DENSESIRST: Final = (101.856, 39.014)


class Normalisation(nn.Module):
    """Shapes: ``[N, 1, H, W] -> [N, channels, H, W]``."""

    def __init__(self, mean: PerChannel, std: PerChannel, channels: int) -> None:
        super().__init__()
        self._channels = channels
        self._mean, self._std = _constant(mean), _constant(std)

    def forward(self, intensities: Tensor) -> Tensor:
        return ((intensities - self._mean) / self._std).expand(-1, self._channels, -1, -1)


def _constant(values: PerChannel) -> nn.Buffer:
    """Not among the weights: it is the record's."""
    constant = torch.tensor(values)
    return nn.Buffer(constant.view(1, -1, 1, 1) if constant.ndim else constant, persistent=False)
