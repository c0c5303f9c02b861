"""RuCB, DIAAM and the other blocks of RRCA-Net. This file needs only PyTorch, so it can be copied into any project.

Paper: Liu et al., "RRCANet: Recurrent Reusable-Convolution Attention Network for Infrared Small Target Detection",
arXiv 2506.02393 (IEEE JSTARS 2025).
Provenance: written from the paper; the authors' code (yongxianLiu/RRCANet, no licence file) served only to check
outputs.
Licence: Apache-2.0.
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
        inner = torch.relu(self.norm1(self.conv1(x)))  # [N, out_channels, H, W]
        return torch.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class RuCB(nn.Module):
    """Recurrent reusable-convolution block: residual units whose 3x3 kernels are shared by all passes.

    The convolutions, with their biases, exist once. Each pass has its own batch norms and its own 1x1 shortcut, since
    the statistics of a feature map change from pass to pass.

    Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]`` in every pass.

    Args:
        in_channels: channels of the input, the same in every pass.
        out_channels: channels of the output.
        units: number of residual units, of two convolutions each; the first unit changes the width.
        passes: number of passes.
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
        skip = self.shortcuts[pass_index](x)  # [N, out_channels, H, W]
        for first in range(0, len(self.convs), 2):
            x = torch.relu(norms[first](self.convs[first](x)))  # [N, out_channels, H, W]
            x = torch.relu(norms[first + 1](self.convs[first + 1](x)) + skip)
            skip = x  # the units after the first keep the width and need no projection
        return x


class ChannelAttention(nn.Module):
    """One weight per channel, from the mean and the maximum of the channel (CBAM, Woo et al., arXiv 1807.06521).

    With a ``window`` the weights follow the place: those of a cell of half a window come from the cell and its eight
    neighbours, and between the centres of cells they are interpolated. Where both sides of a map fit into the window,
    the weights are the same everywhere and equal to those without a window.

    Shapes: ``[N, C, H, W] -> [N, C, 1, 1]``, with a window ``[N, C, H, W]``; values in (0, 1).

    Args:
        channels: C.
        reduction: channels of the squeezed layer are C divided by this number.
        window: side of the window in pixels of the map, an even number; None for the whole map.
    """

    def __init__(self, channels: int, reduction: int = 8, window: int | None = None) -> None:
        super().__init__()
        self.window = window
        squeezed = max(1, channels // reduction)
        self.squeeze = nn.Conv2d(channels, squeezed, 1, bias=False)
        self.excite = nn.Conv2d(squeezed, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        # an exporter needs one graph for maps of all sizes
        if self.window is None or (not torch.compiler.is_exporting() and max(x.shape[2:]) <= self.window):
            return self._weights(*self._pooled(x))
        height, width = x.shape[2:]
        cell = self.window // 2
        weights = self._weights(*pooled_around_cells(x, cell))
        enlarged = F.interpolate(weights, scale_factor=float(cell), mode="bilinear", align_corners=False)
        return enlarged[:, :, :height, :width]

    def _pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and maximum over the whole map, ``[N, C, 1, 1]`` each."""
        mean = x.mean((2, 3), keepdim=True)
        # Both give the maximum. On a CPU the gradient of adaptive_max_pool2d is ten times as fast. ONNX exporters
        # support only amax, and on CUDA adaptive_max_pool2d is slow: it uses one thread per map.
        on_cpu = self.training and x.device.type == "cpu"
        return mean, F.adaptive_max_pool2d(x, 1) if on_cpu else x.amax((2, 3), keepdim=True)

    def _weights(self, mean: Tensor, peak: Tensor) -> Tensor:
        return torch.sigmoid(self._mlp(mean) + self._mlp(peak))

    def _mlp(self, pooled: Tensor) -> Tensor:
        excited: Tensor = self.excite(torch.relu(self.squeeze(pooled)))
        return excited


def pooled_around_cells(x: Tensor, cell: int) -> tuple[Tensor, Tensor]:
    """Mean and maximum over each cell of a map and its eight neighbours.

    The cells divide ``[N, C, H, W]`` from its upper left corner. Those at the lower and right edge may be smaller: each
    pixel counts once in a mean.

    Returns:
        Two maps ``[N, C, H / cell, W / cell]``, rounded up.
    """
    inside = F.avg_pool2d(x, cell, ceil_mode=True, count_include_pad=False)  # [N, C, H / cell, W / cell]
    rows, columns = (_parts_inside(x.shape[axis], inside.shape[axis], cell, x) for axis in (2, 3))
    shares = rows.unsqueeze(1) * columns  # [H / cell, W / cell]
    total, area = (F.avg_pool2d(one, 3, stride=1, padding=1) for one in (inside * shares, shares[None, None]))
    return total / area, F.max_pool2d(F.max_pool2d(x, cell, ceil_mode=True), 3, stride=1, padding=1)


def _parts_inside(length: int, cells: int, cell: int, like: Tensor) -> Tensor:
    """Part of each of ``cells`` cells that lies inside a map of ``length`` pixels, ``[cells]``: 1 but for the last."""
    first = torch.arange(cells, device=like.device) * cell
    return ((length - first).clamp_max(cell) / cell).to(like.dtype)


class DIAAM(nn.Module):
    """Dual interactive attention aggregation: adds weighted deep features to the shallow ones.

    The deep features are weighted twice: per channel by their own channel attention, and per channel and pixel by a
    gate that is computed from the shallow features.

    Shapes: low ``[N, low_channels, H, W]``, high ``[N, high_channels, H / scale, W / scale]``
    ``-> [N, low_channels, H, W]``.

    Args:
        low_channels: channels of the shallow features and of the output.
        high_channels: channels of the deep features.
        scale: factor by which the deep features are enlarged; 1 if they have the size of the shallow ones already. They
            are narrowed before they are enlarged. Both operations are linear, so the order does not change the result,
            and this order is cheaper.
        window: side of the windows of the channel attention in pixels of the shallow features; None for no windows.
    """

    def __init__(self, low_channels: int, high_channels: int, scale: int = 1, window: int | None = None) -> None:
        super().__init__()
        self.scale = scale
        self.gate = nn.Conv2d(low_channels, low_channels, 1)
        self.narrow = nn.Conv2d(high_channels, low_channels, 1)
        self.attention = ChannelAttention(low_channels, window=window)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        deep = upsampled(self.narrow(high), self.scale)  # [N, low_channels, H, W]
        by_channel = self.attention(deep)  # [N, low_channels, 1, 1], or [N, low_channels, H, W] with windows
        by_pixel = torch.sigmoid(self.gate(low))  # [N, low_channels, H, W]
        aggregated: Tensor = low + deep * by_channel * by_pixel
        return aggregated


def upsampled(x: Tensor, scale: int) -> Tensor:
    """Bilinear enlargement with aligned corners: ``[N, C, H, W] -> [N, C, scale H, scale W]``."""
    return x if scale == 1 else F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=True)


def projection(in_channels: int, out_channels: int) -> nn.Module:
    """The shortcut of a residual unit: 1x1 convolution and batch norm if the width changes, otherwise the identity."""
    if in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels))
