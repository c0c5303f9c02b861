"""Base class and building blocks of the host networks.

Provenance: written for this project.
Licence: Apache-2.0.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.blocks import RuCB

# (in_channels, out_channels, units) -> a module that takes (features, pass_index)
Block = Callable[[int, int, int], nn.Module]


class Host(nn.Module, ABC):
    """A network: normalised frames in, logits of target pixels out.

    Shapes: ``[N, in_channels, H, W] -> [N, 1, H, W]``; H and W are multiples of ``stride``.

    The training loss is the mean of the losses of all maps of ``forward_all``. ``forward`` returns the last map, the
    prediction.
    """

    stride: int

    @abstractmethod
    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        """All supervised maps, ``[N, 1, H, W]`` each; the last one is the prediction."""

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_all(x)[-1]


class Stack(nn.Sequential):
    """A sequence of units that ignores the pass index."""

    def forward(self, x: Tensor, pass_index: int = 0) -> Tensor:
        for unit in self:
            x = unit(x)
        return x


class ReusableConv(nn.Module):
    """3x3 convolution, batch norm and ReLU. As in RuCB, all passes share the kernel and each pass has its own norm.

    Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]``.
    """

    def __init__(self, in_channels: int, out_channels: int, passes: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.norms = nn.ModuleList(nn.BatchNorm2d(out_channels) for _ in range(passes))

    def forward(self, x: Tensor, pass_index: int = 0) -> Tensor:
        return torch.relu(self.norms[pass_index](self.conv(x)))


def plain(unit: Callable[[int, int], nn.Module]) -> Block:
    """A function that makes blocks of a host's own residual units."""

    def block(in_channels: int, out_channels: int, units: int) -> nn.Module:
        return Stack(unit(in_channels, out_channels), *(unit(out_channels, out_channels) for _ in range(units - 1)))

    return block


def reusable(passes: int) -> Block:
    """A function that makes RuCBs in place of a host's own blocks."""

    def block(in_channels: int, out_channels: int, units: int) -> nn.Module:
        return RuCB(in_channels, out_channels, units, passes)

    return block


def aligned(x: Tensor, scale: float) -> Tensor:
    """Bilinear resize with aligned corners: ``[N, C, H, W] -> [N, C, scale H, scale W]``."""
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=True)


def upsampled(x: Tensor, scale: int) -> Tensor:
    """Bilinear enlargement without aligned corners: ``[N, C, H, W] -> [N, C, scale H, scale W]``."""
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False) if scale > 1 else x
