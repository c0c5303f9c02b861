"""What the networks that RuCB and DIAAM plug into have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.blocks import RuCB

# (in_channels, out_channels, units) -> a module that is called with (features, pass_index)
Block = Callable[[int, int, int], nn.Module]


class Host(nn.Module, ABC):
    """Infrared frame to target logits.

    Shapes: ``[N, in_channels, H, W] -> [N, 1, H, W]``; H and W multiples of ``stride``.

    Train on the mean loss over ``forward_all``; ``forward`` is its last map, the prediction.
    """

    stride: int

    @abstractmethod
    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        """Every map that is supervised, ``[N, 1, H, W]`` each, the prediction last."""

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_all(x)[-1]


class Stack(nn.Sequential):
    """Units in a row that know of no passes."""

    def forward(self, x: Tensor, pass_index: int = 0) -> Tensor:
        for unit in self:
            x = unit(x)
        return x


class ReusableConv(nn.Module):
    """3x3 convolution, batch norm, ReLU: RuCB's rule for a single kernel, shared by the passes that own a norm each.

    Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]``.
    """

    def __init__(self, in_channels: int, out_channels: int, passes: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
        self.norms = nn.ModuleList(nn.BatchNorm2d(out_channels) for _ in range(passes))

    def forward(self, x: Tensor, pass_index: int = 0) -> Tensor:
        return torch.relu(self.norms[pass_index](self.conv(x)))


def plain(unit: Callable[[int, int], nn.Module]) -> Block:
    """Blocks of the host's own residual units."""

    def block(in_channels: int, out_channels: int, units: int) -> nn.Module:
        return Stack(unit(in_channels, out_channels), *(unit(out_channels, out_channels) for _ in range(units - 1)))

    return block


def reusable(passes: int) -> Block:
    """RuCBs in their place."""

    def block(in_channels: int, out_channels: int, units: int) -> nn.Module:
        return RuCB(in_channels, out_channels, units, passes)

    return block


def aligned(x: Tensor, scale: float) -> Tensor:
    """Bilinear resize that maps corner pixels on corner pixels."""
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=True)


def upsampled(x: Tensor, scale: int) -> Tensor:
    """Bilinear enlargement that maps pixel areas on pixel areas."""
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False) if scale > 1 else x
