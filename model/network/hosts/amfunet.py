"""AMFU-Net: a U-Net with full-scale skip connections and attention, half a million parameters.

Papers: Chung et al., "Lightweight Infrared Small Target Detection Network Using Full-Scale Skip Connection U-Net",
IEEE GRSL 2023; full-scale skip connections: UNet 3+, Huang et al., arXiv 2004.08790.
Provenance: written from the papers; the copy in yongxianLiu/RRCANet (no licence file) served only to check sizes: the
plain network has 472,969 parameters (3 channels). The RRCA-Net paper gives 0.489 M parameters with RuCB but no layout:
the layout was designed for this project.
Licence: Apache-2.0.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.blocks import DIAAM, ResidualBlock
from model.network.hosts.cbam import ResidualCBAM
from model.network.hosts.host import Block, Host, ReusableConv, plain, reusable, upsampled

WIDTHS = (8, 16, 32, 64, 128)
BRANCH = WIDTHS[0]  # channels that each level contributes to a decoder stage
MERGED = BRANCH * len(WIDTHS)
residual_unit = partial(ResidualCBAM, reduction=8, kernel=3)


class FullScaleUNet(nn.Module):
    """An encoder, and decoder stages that each read all five levels.

    Shapes: ``[N, in_channels, H, W]`` -> one map per level, ``[N, 40, H / 2^l, W / 2^l]`` for l = 0..3 and
    ``[N, 128, H / 16, W / 16]`` for l = 4.
    """

    def __init__(self, in_channels: int, block: Block, passes: int) -> None:
        super().__init__()
        above = (in_channels, *WIDTHS[:-1])
        self.encoders = nn.ModuleList(block(before, width, 1) for before, width in zip(above, WIDTHS, strict=True))
        self.branches = nn.ModuleList(  # [stage][source level]
            nn.ModuleList(ReusableConv(width, BRANCH, passes) for width in _source_widths(stage)) for stage in range(4)
        )
        self.attend = residual_unit(MERGED, MERGED)  # shared by all stages, as in the original network
        self.merges = nn.ModuleList(ReusableConv(MERGED, MERGED, passes) for _ in range(4))

    def forward(self, x: Tensor, pass_index: int) -> list[Tensor]:
        levels: list[Tensor] = []
        for encoder in self.encoders:
            x = encoder(F.max_pool2d(x, 2) if levels else x, pass_index)
            levels.append(x)  # [N, WIDTHS[l], H / 2^l, W / 2^l]
        for stage in reversed(range(4)):  # levels between the stage and the deepest one are decoded already
            branches: nn.ModuleList = self.branches[stage]  # type: ignore[assignment]
            parts = [
                branch(_resized(levels[source], source, stage), pass_index) for source, branch in enumerate(branches)
            ]
            merged = self.attend(torch.cat(parts, 1))  # 5 x [N, 8, h, w] -> [N, 40, h, w], h = H / 2^stage
            levels[stage] = self.merges[stage](merged, pass_index)
        return levels


class AMFUNet(Host):
    """The plain network. The prediction is the mean of the five side maps."""

    stride = 16

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__()
        self.unet = FullScaleUNet(in_channels, plain(residual_unit), passes=1)
        self.heads = _heads((MERGED, MERGED, MERGED, MERGED, WIDTHS[-1]))

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        levels = self.unet(x, 0)
        return _with_mean(
            [upsampled(head(x), 2**i) for i, (head, x) in enumerate(zip(self.heads, levels, strict=True))]
        )


class AMFUNetRuCB(Host):
    """AMFU-Net with RuCBs in the encoder. The decoder kernels are shared by all passes, too.

    DIAAM reduces the output of each pass to the width of the stem. The first side map comes from the fused outputs of
    all passes, the other four from the last pass.
    """

    stride = 16

    def __init__(self, in_channels: int = 1, passes: int = 3) -> None:
        super().__init__()
        self.passes = passes
        self.stem = residual_unit(in_channels, WIDTHS[0])
        self.unet = FullScaleUNet(WIDTHS[0], reusable(passes), passes)
        self.returns = nn.ModuleList(DIAAM(WIDTHS[0], MERGED) for _ in range(passes))
        self.fuse = ResidualBlock(passes * WIDTHS[0], WIDTHS[0])
        self.heads = _heads((WIDTHS[0], MERGED, MERGED, MERGED, WIDTHS[-1]))

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)  # [N, 8, H, W]
        outputs: list[Tensor] = []
        levels: list[Tensor] = []
        for pass_index in range(self.passes):
            levels = self.unet(x, pass_index)  # levels[0]: [N, 40, H, W]
            x = self.returns[pass_index](x, levels[0])  # [N, 8, H, W]
            outputs.append(x)
        levels[0] = self.fuse(torch.cat(outputs, 1))  # [N, 24, H, W] -> [N, 8, H, W]
        return _with_mean(
            [upsampled(head(x), 2**i) for i, (head, x) in enumerate(zip(self.heads, levels, strict=True))]
        )


def _source_widths(stage: int) -> list[int]:
    """Channels of each level that a decoder stage reads.

    Levels down to the stage and the deepest one come from the encoder, the levels between from earlier stages.
    """
    return [*WIDTHS[: stage + 1], *[MERGED] * (3 - stage), WIDTHS[-1]]


def _resized(x: Tensor, source: int, stage: int) -> Tensor:
    """A map of level ``source`` resized to the size of level ``stage``."""
    return F.max_pool2d(x, 2 ** (stage - source)) if source < stage else upsampled(x, 2 ** (source - stage))


def _heads(widths: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv2d(width, 1, 3, padding=1) for width in widths)


def _with_mean(maps: list[Tensor]) -> tuple[Tensor, ...]:
    """The side maps, deepest first, and their mean at the end."""
    return (*reversed(maps), torch.stack(maps).mean(0))
