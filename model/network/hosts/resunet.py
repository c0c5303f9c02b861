"""ResUNet: a five-level U-Net of residual blocks, the simplest host in the RRCA-Net paper's transfer table.

Papers: U-Net, Ronneberger et al., arXiv 1505.04597; residual blocks, He et al., arXiv 1512.03385; sizes and the version
with RuCB, Liu et al., arXiv 2506.02393.
Provenance: written from the papers; the authors' code (yongxianLiu/RRCANet, no licence file) served only to check
sizes: 914,057 parameters plain, 979,249 with RuCB (3 channels).
Licence: Apache-2.0.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.blocks import ResidualBlock
from model.network.hosts.host import Block, Host, aligned, plain, reusable
from model.network.rrcanet import RRCANet

WIDTHS = (8, 16, 32, 64, 128)
UNITS = (1, 2, 2, 2, 2)


class UNet(nn.Module):
    """An encoder and a decoder. Shapes: ``[N, in_channels, H, W] -> [N, widths[0], H, W]``."""

    def __init__(self, in_channels: int, widths: Sequence[int], units: Sequence[int], block: Block) -> None:
        super().__init__()
        above = [in_channels, *widths[:-1]]
        self.encoders = nn.ModuleList(block(*sizes) for sizes in zip(above, widths, units, strict=True))
        self.decoders = nn.ModuleList(block(low + high, low, 1) for low, high in pairwise(widths))

    def forward(self, x: Tensor, pass_index: int) -> Tensor:
        skips: list[Tensor] = []
        for encoder in self.encoders:
            x = encoder(F.max_pool2d(x, 2) if skips else x, pass_index)
            skips.append(x)  # level l: [N, widths[l], H / 2^l, W / 2^l]
        x = skips.pop()
        for decoder in reversed(self.decoders):
            x = decoder(torch.cat([skips.pop(), aligned(x, 2)], 1), pass_index)  # [N, widths[l], H / 2^l, W / 2^l]
        return x


class ResUNet(Host):
    """The plain network."""

    stride = 16

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__()
        self.unet = UNet(in_channels, WIDTHS, UNITS, plain(ResidualBlock))
        self.head = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.head(self.unet(x, 0)),)


class ResUNetRuCB(Host):
    """The version of the RRCA-Net paper: all blocks but stem and fusion are RuCBs, and the U-Net runs several times."""

    stride = 16

    def __init__(self, in_channels: int = 1, passes: int = 3) -> None:
        super().__init__()
        self.passes = passes
        self.stem = ResidualBlock(in_channels, WIDTHS[0])
        self.unet = UNet(WIDTHS[0], WIDTHS, UNITS, reusable(passes))
        self.fuse = ResidualBlock(passes * WIDTHS[0], WIDTHS[0])
        self.head = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)  # [N, 8, H, W]
        outputs = []
        for pass_index in range(self.passes):
            x = self.unet(x, pass_index)  # [N, 8, H, W]
            outputs.append(x)
        return (self.head(self.fuse(torch.cat(outputs, 1))),)  # [N, 24, H, W] -> [N, 1, H, W]


class ResUNetRuCBDIAAM(Host):
    """RuCBs as encoder and DIAAM as decoder: RRCA-Net with the depth and widths of ResUNet."""

    stride = 16

    def __init__(self, in_channels: int = 1, passes: int = 3) -> None:
        super().__init__()
        self.network = RRCANet(in_channels, WIDTHS, UNITS, passes)

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.network(x),)
