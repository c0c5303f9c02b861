"""Ablations: variants of RRCA-Net without one of its ideas.

Paper: Liu et al., arXiv 2506.02393 (RRCA-Net).
Provenance: written for this project on top of ``rrcanet.py``.
Licence: Apache-2.0.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from model.network.blocks import RuCB, upsampled
from model.network.rrcanet import RRCANet

WIDTHS, UNITS = (8, 16, 32, 64), (3, 2, 2, 2)


class PlainAddition(nn.Module):
    """DIAAM without channel attention and gate: the deep features are narrowed, enlarged and added.

    Shapes: low ``[N, low_channels, H, W]``, high ``[N, high_channels, H / scale, W / scale]``
    ``-> [N, low_channels, H, W]``.
    """

    def __init__(self, low_channels: int, high_channels: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.narrow = nn.Conv2d(high_channels, low_channels, 1)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        added: Tensor = low + upsampled(self.narrow(high), self.scale)
        return added


class SharedNormRuCB(RuCB):
    """RuCB whose batch norms and shortcut are shared by all passes.

    Shapes: as RuCB.
    """

    def __init__(self, in_channels: int, out_channels: int, units: int) -> None:
        super().__init__(in_channels, out_channels, units, passes=1)

    def forward(self, x: Tensor, pass_index: int) -> Tensor:
        return super().forward(x, 0)


class WithoutDIAAM(RRCANet):
    """RRCA-Net whose decoders add in place of DIAAM."""

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__(in_channels, WIDTHS, UNITS)
        self.decoders = nn.ModuleList(
            nn.ModuleList(PlainAddition(low, high, scale=2) for low, high in pairwise(WIDTHS))
            for _ in range(self.passes)
        )


class SharedNorm(RRCANet):
    """RRCA-Net whose passes share their batch norms."""

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__(in_channels, WIDTHS, UNITS)
        above = (WIDTHS[0], *WIDTHS[:-1])
        self.encoders = nn.ModuleList(SharedNormRuCB(*sizes) for sizes in zip(above, WIDTHS, UNITS, strict=True))


ABLATIONS: dict[str, Callable[[int], RRCANet]] = {
    "rrcanet": RRCANet,  # three passes
    "passes-1": partial(RRCANet, passes=1),
    "passes-2": partial(RRCANet, passes=2),
    "passes-4": partial(RRCANet, passes=4),
    "without-diaam": WithoutDIAAM,
    "shared-norm": SharedNorm,
}
