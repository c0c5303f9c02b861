"""ACM: a small residual U-Net at a quarter of the size, its skips joined by asymmetric contextual modulation.

Paper: Dai et al., "Asymmetric Contextual Modulation for Infrared Small Target Detection", WACV 2021, arXiv 2009.14530
(authors' code: YimianDai/open-acm).
Provenance: written from the paper; the copy in yongxianLiu/RRCANet (no licence file) served only to check the layout.
That copy uses MXNet's batch norm momentum of 0.9 in PyTorch, where it has the opposite meaning; this file uses
PyTorch's 0.1. The RRCA-Net paper has no version with RuCB: its layout was designed for this project.
Licence: Apache-2.0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.blocks import DIAAM, ResidualBlock, RuCB
from model.network.hosts.host import Host, Stack, upsampled

WIDTHS = (16, 32, 64)
UNITS = 3


class StridedUnit(nn.Module):
    """Residual unit without biases. Shapes: ``[N, in_channels, H, W] -> [N, out_channels, H / stride, W / stride]``."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            narrow = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(narrow, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.norm1(self.conv1(x)))  # [N, out_channels, H / stride, W / stride]
        return torch.relu(self.norm2(self.conv2(inner)) + self.shortcut(x))


class AsymmetricModulation(nn.Module):
    """Deep features weight the shallow ones per channel; shallow features weight the deep ones per channel and pixel.

    Shapes: low and high ``[N, C, H, W] -> [N, C, H, W]``.
    """

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.top_down = _bottleneck(channels, reduction)
        self.bottom_up = _bottleneck(channels, reduction)
        self.post = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU())

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        context = torch.sigmoid(self.top_down(high.mean((2, 3), keepdim=True)))  # [N, C, 1, 1]
        detail = torch.sigmoid(self.bottom_up(low))  # [N, C, H, W]
        joined: Tensor = self.post(2 * low * context + 2 * high * detail)
        return joined


class ACM(Host):
    """The plain network."""

    stride = 16

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__()
        self.stem = _stem(in_channels)
        self.encoders = nn.ModuleList([_stage(16, 16), _stage(16, 32, stride=2), _stage(32, 64, stride=2)])
        self.ups = _ups()
        self.joins = nn.ModuleList([AsymmetricModulation(16), AsymmetricModulation(32)])
        self.decoders = nn.ModuleList([_stage(16, 16), _stage(32, 32)])
        self.head = _head()

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        skips = [self.stem(x)]
        for encoder in self.encoders:
            skips.append(encoder(skips[-1]))  # level l: [N, WIDTHS[l], H / 4 / 2^l, W / 4 / 2^l]
        x = skips.pop()
        for up, join, decoder in zip(self.ups[::-1], self.joins[::-1], self.decoders[::-1], strict=True):
            x = decoder(join(skips.pop(), up(x)))  # level l: [N, WIDTHS[l], H / 4 / 2^l, W / 4 / 2^l]
        return (upsampled(self.head(x), 4),)  # [N, 16, H / 4, W / 4] -> [N, 1, H, W]


class ACMRuCB(Host):
    """ACM with RuCBs as residual stages and DIAAM as modulation. The U-Net at a quarter of the size runs several times.

    RuCB has no strides, so max pooling replaces them. The transposed convolutions are shared by all passes.
    """

    stride = 16

    def __init__(self, in_channels: int = 1, passes: int = 3) -> None:
        super().__init__()
        self.passes = passes
        above = (WIDTHS[0], *WIDTHS[:-1])
        self.stem = _stem(in_channels)
        self.encoders = nn.ModuleList(RuCB(b, w, UNITS, passes) for b, w in zip(above, WIDTHS, strict=True))
        self.ups = _ups()
        self.joins = nn.ModuleList(nn.ModuleList(DIAAM(w, w) for w in WIDTHS[:-1]) for _ in range(passes))
        self.decoders = nn.ModuleList(RuCB(w, w, UNITS, passes) for w in WIDTHS[:-1])
        self.fuse = ResidualBlock(passes * WIDTHS[0], WIDTHS[0])
        self.head = _head()

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)  # [N, 16, H / 4, W / 4]
        outputs = []
        for pass_index in range(self.passes):
            x = self._unet(x, pass_index)  # [N, 16, H / 4, W / 4]
            outputs.append(x)
        fused = self.fuse(torch.cat(outputs, 1))  # [N, 48, H / 4, W / 4] -> [N, 16, H / 4, W / 4]
        return (upsampled(self.head(fused), 4),)  # [N, 1, H, W]

    def _unet(self, x: Tensor, pass_index: int) -> Tensor:
        """One pass: ``[N, 16, H / 4, W / 4] -> [N, 16, H / 4, W / 4]``."""
        skips: list[Tensor] = []
        for encoder in self.encoders:
            x = encoder(F.max_pool2d(x, 2) if skips else x, pass_index)
            skips.append(x)
        joins: Sequence[nn.Module] = self.joins[pass_index]  # type: ignore[assignment]
        x = skips.pop()
        for up, join, decoder in zip(self.ups[::-1], joins[::-1], self.decoders[::-1], strict=True):
            x = decoder(join(skips.pop(), up(x)), pass_index)
        return x


def _stem(in_channels: int) -> nn.Sequential:
    """``[N, in_channels, H, W] -> [N, 16, H / 4, W / 4]``."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        *_conv_norm(in_channels, 8, stride=2),
        *_conv_norm(8, 8),
        *_conv_norm(8, 16),
        nn.MaxPool2d(3, 2, padding=1),
    )


def _head() -> nn.Sequential:
    """``[N, 16, H / 4, W / 4] -> [N, 1, H / 4, W / 4]``."""
    return nn.Sequential(*_conv_norm(16, 4), nn.Dropout(0.1), nn.Conv2d(4, 1, 1))


def _stage(in_channels: int, out_channels: int, stride: int = 1) -> Stack:
    following = (StridedUnit(out_channels, out_channels) for _ in range(UNITS - 1))
    return Stack(StridedUnit(in_channels, out_channels, stride), *following)


def _ups() -> nn.ModuleList:
    return nn.ModuleList([nn.ConvTranspose2d(32, 16, 4, 2, padding=1), nn.ConvTranspose2d(64, 32, 4, 2, padding=1)])


def _conv_norm(in_channels: int, out_channels: int, stride: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(out_channels), nn.ReLU()]


def _bottleneck(channels: int, reduction: int) -> nn.Sequential:
    inner = channels // reduction
    squeeze = (nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner), nn.ReLU())
    return nn.Sequential(*squeeze, nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))
