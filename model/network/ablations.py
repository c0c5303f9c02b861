"""RRCA-Net with one of its ideas taken out: what the ablation table trains."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from model.network.blocks import RuCB, upsampled
from model.network.rrcanet import RRCANet

WIDTHS, UNITS = (8, 16, 32, 64), (3, 2, 2, 2)


class PlainAddition(nn.Module):
    """DIAAM without its attention and its gate.

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
    """RuCB that keeps nothing for a pass: batch norm serves all of them, and so does the shortcut it is part of.

    Shapes: as RuCB.
    """

    def __init__(self, in_channels: int, out_channels: int, units: int) -> None:
        super().__init__(in_channels, out_channels, units, passes=1)

    def forward(self, x: Tensor, pass_index: int) -> Tensor:
        return super().forward(x, 0)


class WithoutDIAAM(RRCANet):
    """Decoders that add."""

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__(in_channels, WIDTHS, UNITS)
        self.decoders = nn.ModuleList(
            nn.ModuleList(PlainAddition(low, high, scale=2) for low, high in pairwise(WIDTHS))
            for _ in range(self.passes)
        )


class SharedNorm(RRCANet):
    """Batch norm shared over the passes."""

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
