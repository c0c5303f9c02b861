"""RRCA-Net: a small U-Net that runs several times over its own output with the same 3x3 kernels.

Paper: Liu et al., "RRCANet: Recurrent Reusable-Convolution Attention Network for Infrared Small Target Detection",
arXiv 2506.02393 (IEEE JSTARS 2025).
Provenance: written from the paper; the authors' code (yongxianLiu/RRCANet, no licence file) served only to check
outputs.
Licence: Apache-2.0.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.blocks import DIAAM, ResidualBlock, RuCB


class RRCANet(nn.Module):
    """The network: normalised frames in, logits of target pixels out.

    Shapes: ``[N, in_channels, H, W] -> [N, 1, H, W]``; H and W are multiples of ``stride``.

    Args:
        in_channels: 1; 3 in the authors' weights for NUAA-SIRST and IRSTD-1k.
        widths: channels of each level, from full resolution to the deepest level.
        units: residual units in the RuCB of each level.
        passes: runs of the U-Net; the paper's "2 iterations" are 3 passes.
        pool_window: side in pixels of the windows over which the channel attention pools, a multiple of ``stride``.
            On frames up to this size the network is the published one. None: the published one on every frame.
    """

    def __init__(
        self,
        in_channels: int = 1,
        widths: Sequence[int] = (8, 16, 32, 64),
        units: Sequence[int] = (3, 2, 2, 2),
        passes: int = 3,
        pool_window: int | None = None,
    ) -> None:
        super().__init__()
        self.in_channels, self.passes = in_channels, passes
        self.stride = 2 ** (len(widths) - 1)
        above = [widths[0], *widths[:-1]]
        self.stem = ResidualBlock(in_channels, widths[0])
        self.encoders = nn.ModuleList(
            RuCB(before, width, depth, passes) for before, width, depth in zip(above, widths, units, strict=True)
        )
        windows = [None if pool_window is None else pool_window >> level for level in range(len(widths) - 1)]
        self.decoders = nn.ModuleList(  # [pass][level]
            nn.ModuleList(
                DIAAM(low, high, scale=2, window=window)
                for (low, high), window in zip(pairwise(widths), windows, strict=True)
            )
            for _ in range(passes)
        )
        self.fuse = ResidualBlock(passes * widths[0], widths[0])
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)  # [N, 8, H, W]
        outputs = []
        for pass_index in range(self.passes):
            x = self._unet(x, pass_index)  # [N, 8, H, W]
            outputs.append(x)
        fused = self.fuse(torch.cat(outputs, 1))  # [N, 24, H, W] -> [N, 8, H, W]
        logits: Tensor = self.head(fused)  # [N, 1, H, W]
        return logits

    def _unet(self, x: Tensor, pass_index: int) -> Tensor:
        """One pass: ``[N, widths[0], H, W] -> [N, widths[0], H, W]``."""
        skips: list[Tensor] = []
        for encoder in self.encoders:
            x = encoder(F.max_pool2d(x, 2) if skips else x, pass_index)
            skips.append(x)  # level l: [N, widths[l], H / 2^l, W / 2^l]
        decoders: nn.ModuleList = self.decoders[pass_index]  # type: ignore[assignment]
        x = skips.pop()  # [N, 64, H / 8, W / 8]
        for decoder in reversed(decoders):
            x = decoder(skips.pop(), x)  # [N, widths[l], H / 2^l, W / 2^l] for l = 2, 1, 0
        return x
