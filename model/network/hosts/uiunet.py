"""UIU-Net: a U-Net in which every stage is a residual U-Net, 50 million parameters.

Papers: Wu et al., "UIU-Net: U-Net in U-Net for Infrared Small Object Detection", IEEE TIP 2023, arXiv 2212.00968; the
inner U-Nets are those of U2-Net, Qin et al., arXiv 2005.09007.
Provenance: written from the papers; the authors' code (danfenghong/IEEE_TIP_UIU-Net) is GPL-3.0 and served only to
check the layout. The RRCA-Net paper has no version with RuCB: its layout was designed for this project.
Licence: Apache-2.0.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.hosts.cbam import SpatialAttention
from model.network.hosts.host import Host, ReusableConv, upsampled


class RSU(nn.Module):
    """Residual U-block. Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H, W]``.

    Args:
        in_channels: channels of the input.
        middle: channels inside the inner U-Net.
        out_channels: channels of the output.
        depth: number of 3x3 convolutions in the inner encoder.
        dilated: use dilated kernels and keep the size, in place of pooling.
        passes: runs of the inner U-Net over its own output. As in RuCB, passes share kernels but not norms.
    """

    def __init__(
        self, in_channels: int, middle: int, out_channels: int, depth: int, dilated: bool = False, passes: int = 1
    ) -> None:
        super().__init__()
        self.passes, self.dilated = passes, dilated
        dilations = [2**level if dilated else 1 for level in range(depth - 1)]
        down = pairwise([out_channels, *[middle] * (depth - 1)])
        up = [out_channels, *[middle] * (depth - 2)]
        self.entry = ReusableConv(in_channels, out_channels)
        self.down = nn.ModuleList(ReusableConv(*c, passes, d) for c, d in zip(down, dilations, strict=True))
        self.bottom = ReusableConv(middle, middle, passes, dilation=8 if dilated else 2)
        self.up = nn.ModuleList(ReusableConv(2 * middle, c, passes, d) for c, d in zip(up, dilations, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry(x)  # [N, out_channels, H, W]
        for pass_index in range(self.passes):
            x = x + self._unet(x, pass_index)  # [N, out_channels, H, W]
        return x

    def _unet(self, x: Tensor, pass_index: int) -> Tensor:
        """One run of the inner U-Net: ``[N, out_channels, H, W] -> [N, out_channels, H, W]``."""
        scale = 1 if self.dilated else 2
        skips: list[Tensor] = []
        for conv in self.down:
            x = conv(F.max_pool2d(x, scale) if skips and scale > 1 else x, pass_index)
            skips.append(x)  # level l: [N, middle, H / 2^l, W / 2^l]; all [N, middle, H, W] if dilated
        x = self.bottom(x, pass_index)
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.cat([x, skips[level]], 1), pass_index)
            x = upsampled(x, scale) if level else x
        return x


class InteractiveCrossAttention(nn.Module):
    """Deep features weight the shallow ones per channel; the weighted shallow features weight the deep ones per pixel.

    Shapes: low and high ``[N, C, H, W] -> [N, 2C, H, W]``.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        inner = channels // reduction
        self.deep = _pointwise(channels, channels)
        self.squeeze = _pointwise(channels, inner)
        self.excite = nn.Sequential(nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))
        self.narrow = _pointwise(channels, inner)
        self.pixels = SpatialAttention(3)
        self.post = ReusableConv(channels, channels)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        high = self.deep(high)
        by_channel = torch.sigmoid(self.excite(self.squeeze(high.mean((2, 3), keepdim=True))))  # [N, C, 1, 1]
        low = low * by_channel
        by_pixel = torch.sigmoid(self.pixels(self.narrow(low)))  # [N, 1, H, W]
        return torch.cat([self.post(2 * low), self.post(2 * high * by_pixel)], 1)


class UIUNet(Host):
    """Six encoder and five decoder stages. Each level gives a side map.

    Args:
        in_channels: channels of the frames.
        passes: runs of the inner U-Net of each encoder stage; 1 is the plain network.
    """

    stride = 32

    def __init__(self, in_channels: int = 1, passes: int = 1) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            [
                RSU(in_channels, 32, 64, 7, passes=passes),
                RSU(64, 32, 128, 6, passes=passes),
                RSU(128, 64, 256, 5, passes=passes),
                RSU(256, 128, 512, 4, passes=passes),
                RSU(512, 256, 512, 4, dilated=True, passes=passes),
                RSU(512, 256, 512, 4, dilated=True, passes=passes),
            ]
        )
        self.joins = nn.ModuleList(InteractiveCrossAttention(width) for width in (128, 256, 512, 512))
        self.decoders = nn.ModuleList(
            [
                RSU(128, 16, 64, 7),
                RSU(256, 32, 64, 6),
                RSU(512, 64, 128, 5),
                RSU(1024, 128, 256, 4),
                RSU(1024, 256, 512, 4, dilated=True),
            ]
        )
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in (64, 64, 128, 256, 512, 512))
        self.fuse = nn.Conv2d(6, 1, 1)

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        levels: list[Tensor] = []
        for encoder in self.encoders:
            x = encoder(F.max_pool2d(x, 2) if levels else x)
            levels.append(x)  # level l: [N, 64 to 512, H / 2^l, W / 2^l]
        for level in reversed(range(5)):
            high = upsampled(levels[level + 1], 2)
            joined = self.joins[level - 1](levels[level], high) if level else torch.cat([levels[level], high], 1)
            levels[level] = self.decoders[level](joined)  # [N, 64 to 512, H / 2^level, W / 2^level]
        maps = [upsampled(head(x), 2**level) for level, (head, x) in enumerate(zip(self.heads, levels, strict=True))]
        return (*reversed(maps), self.fuse(torch.cat(maps, 1)))


def _pointwise(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), nn.BatchNorm2d(out_channels), nn.ReLU())
