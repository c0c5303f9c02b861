"""The parts of RRCA-Net that plug into other networks.

Liu et al., "RRCANet: Recurrent Reusable-Convolution Attention Network for Infrared Small Target
Detection", arXiv 2506.02393. Written from the paper and checked against the authors' outputs.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around a projected shortcut (He et al., arXiv 1512.03385).

    Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]``.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut = projection(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class RuCB(nn.Module):
    """Recurrent reusable-convolution block: residual units whose 3x3 kernels serve every pass.

    The convolutions, with their biases, exist once. Batch norm and the 1x1 shortcut belong to a pass,
    since the statistics of a feature map change from pass to pass.

    Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]`` in every pass.

    Args:
        in_channels: channels that come in, in every pass.
        out_channels: channels of the block.
        units: residual units, two convolutions each; the first changes the width.
        passes: how often the block will be run.
    """

    def __init__(self, in_channels: int, out_channels: int, units: int, passes: int) -> None:
        super().__init__()
        widths = [in_channels] + [out_channels] * (2 * units)
        self.convs = nn.ModuleList(nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths))
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(out_channels) for _ in self.convs) for _ in range(passes)
        )
        self.shortcuts = nn.ModuleList(projection(in_channels, out_channels) for _ in range(passes))

    def forward(self, x: Tensor, pass_index: int) -> Tensor:
        """Run pass ``pass_index``, counted from 0."""
        norms: nn.ModuleList = self.norms[pass_index]  # type: ignore[assignment]
        skip = self.shortcuts[pass_index](x)
        for first in range(0, len(self.convs), 2):
            x = torch.relu(norms[first](self.convs[first](x)))
            x = torch.relu(norms[first + 1](self.convs[first + 1](x)) + skip)
            skip = x  # the units after the first keep the width
        return x


class ChannelAttention(nn.Module):
    """One weight a channel from its mean and its maximum (CBAM, Woo et al., arXiv 1807.06521).

    Shapes: ``[N, C, H, W] -> [N, C, 1, 1]``, values in (0, 1).
    """

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        squeezed = max(1, channels // reduction)
        self.squeeze = nn.Conv2d(channels, squeezed, 1, bias=False)
        self.excite = nn.Conv2d(squeezed, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        # the same, but ten times as fast to learn through on a CPU; exporters know only the second, and of the first
        # CUDA's kernel leaves each map to one thread
        on_cpu = self.training and x.device.type == "cpu"
        peak = F.adaptive_max_pool2d(x, 1) if on_cpu else x.amax((2, 3), keepdim=True)
        return torch.sigmoid(self._mlp(mean) + self._mlp(peak))

    def _mlp(self, pooled: Tensor) -> Tensor:
        excited: Tensor = self.excite(torch.relu(self.squeeze(pooled)))
        return excited


class DIAAM(nn.Module):
    """Dual interactive attention aggregation: deep features, gated twice, join the shallow ones.

    The deep branch is weighed by its own channel attention, and pixel by pixel by a gate that the
    shallow branch opens.

    Shapes: low ``[N, low_channels, H, W]``, high ``[N, high_channels, H / scale, W / scale]``
    ``-> [N, low_channels, H, W]``.

    Args:
        scale: how much the deep features are enlarged here; 1 where that was done before. Narrowing comes first: both
            are linear and so commute, and there are fewer pixels to narrow and fewer channels to enlarge.
    """

    def __init__(self, low_channels: int, high_channels: int, scale: int = 1) -> None:
        super().__init__()
        self.scale = scale
        self.gate = nn.Conv2d(low_channels, low_channels, 1)
        self.narrow = nn.Conv2d(high_channels, low_channels, 1)
        self.attention = ChannelAttention(low_channels)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        deep = upsampled(self.narrow(high), self.scale)
        aggregated: Tensor = low + deep * self.attention(deep) * torch.sigmoid(self.gate(low))
        return aggregated


def upsampled(x: Tensor, scale: int) -> Tensor:
    """Bilinear, corners on corners: ``[N, C, H, W] -> [N, C, scale H, scale W]``."""
    return x if scale == 1 else F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=True)


def projection(in_channels: int, out_channels: int) -> nn.Module:
    """The shortcut of a residual unit: 1x1 convolution and batch norm where the width changes."""
    if in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))
