"""Residual units with channel and spatial attention (CBAM, Woo et al., arXiv 1807.06521), for DNANet and AMFU-Net."""

import torch
from torch import Tensor, nn

from model.network.blocks import ChannelAttention, ResidualBlock


class SpatialAttention(nn.Module):
    """One weight a pixel from the mean and the maximum over the channels.

    Shapes: ``[N, C, H, W] -> [N, 1, H, W]``, unbounded: the caller applies the sigmoid.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.conv(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1))
        return weight


class ResidualCBAM(ResidualBlock):
    """Two 3x3 convolutions with batch norm, weighed by channel, then by pixel, around a projected shortcut.

    Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]``.

    Args:
        in_channels: channels that come in.
        out_channels: channels of the unit.
        reduction: how far the channel attention narrows.
        kernel: size of the spatial attention's kernel.
    """

    def __init__(self, in_channels: int, out_channels: int, reduction: int = 16, kernel: int = 7) -> None:
        super().__init__(in_channels, out_channels)
        self.channels = ChannelAttention(out_channels, reduction)
        self.pixels = SpatialAttention(kernel)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        inner = inner * self.channels(inner)
        inner = inner * torch.sigmoid(self.pixels(inner))
        return torch.relu(inner + self.shortcut(x))
