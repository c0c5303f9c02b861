"""Residual units with channel and spatial attention, for DNANet and AMFU-Net.

Paper: Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, arXiv 1807.06521.
Provenance: written from the paper.
Licence: Apache-2.0.
"""

import torch
from torch import Tensor, nn

from model.network.blocks import ChannelAttention, ResidualBlock


class SpatialAttention(nn.Module):
    """One weight per pixel, from the mean and the maximum over the channels.

    Shapes: ``[N, C, H, W] -> [N, 1, H, W]``. The output is a logit: the caller applies the sigmoid.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)  # [N, 2, H, W]
        weight: Tensor = self.conv(pooled)  # [N, 1, H, W]
        return weight


class ResidualCBAM(ResidualBlock):
    """Residual block whose inner features are weighted per channel, then per pixel, before the shortcut is added.

    Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]``.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        reduction: factor by which the channel attention narrows.
        kernel: kernel size of the spatial attention.
    """

    def __init__(self, in_channels: int, out_channels: int, reduction: int = 16, kernel: int = 7) -> None:
        super().__init__(in_channels, out_channels)
        self.channels = ChannelAttention(out_channels, reduction)
        self.pixels = SpatialAttention(kernel)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))  # [N, out_channels, H, W]
        inner = inner * self.channels(inner)  # weights [N, out_channels, 1, 1]
        inner = inner * torch.sigmoid(self.pixels(inner))  # weights [N, 1, H, W]
        return torch.relu(inner + self.shortcut(x))
