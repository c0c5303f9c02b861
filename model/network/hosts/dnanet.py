"""DNANet: nested U-Nets of every depth, whose nodes have channel and spatial attention.

Paper: Li et al., "Dense Nested Attention Network for Infrared Small Target Detection", IEEE TIP 2022, arXiv 2106.00487
(authors' code: YeRen123455/Infrared-Small-Target-Detection).
Provenance: written from the paper; the copy in yongxianLiu/RRCANet (no licence file) served only to check sizes: the
plain network has 4,696,888 parameters (3 channels). The RRCA-Net paper gives the same 4.697 M for the version with
RuCB, which is impossible if each pass has its own norms and shortcuts: the layout was designed for this project.
Licence: Apache-2.0.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.network.hosts.cbam import ResidualCBAM
from model.network.hosts.host import Block, Host, aligned, plain, reusable

WIDTHS = (16, 32, 64, 128, 256)
UNITS = (1, 2, 2, 2, 2)
DEPTH, TOP = len(WIDTHS), WIDTHS[0]


class Nest(nn.Module):
    """A triangle of nodes. Row l has 1 / 2^l of the size; a node reads its row so far, the row below and the row above.

    Shapes: ``[N, in_channels, H, W]`` -> four maps ``[N, 16, H, W]``: the outputs of the three shallower U-Nets, then
    the map fused from the last node of every row.
    """

    def __init__(self, in_channels: int, block: Block) -> None:
        super().__init__()
        self.nodes = nn.ModuleDict(
            {
                f"{row}_{column}": block(_input_channels(row, column, in_channels), WIDTHS[row], UNITS[row])
                for column in range(DEPTH)
                for row in range(DEPTH - column)
            }
        )
        self.laterals = nn.ModuleList(nn.Conv2d(width, TOP, 1) for width in WIDTHS[1:])
        self.pyramid = block(TOP * DEPTH, TOP, 1)

    def forward(self, x: Tensor, pass_index: int) -> list[Tensor]:
        grid: list[list[Tensor]] = [[] for _ in WIDTHS]  # [row][column]: [N, WIDTHS[row], H / 2^row, W / 2^row]
        for column in range(DEPTH):
            for row in range(DEPTH - column):
                grid[row].append(self.nodes[f"{row}_{column}"](_node_input(grid, row, column, x), pass_index))
        rows = [grid[0][-1]]  # [N, 16, H, W], like each of the enlarged rows
        rows += [aligned(lateral(grid[row][-1]), 2**row) for row, lateral in enumerate(self.laterals, 1)]
        return [*grid[0][1:-1], self.pyramid(torch.cat(rows, 1), pass_index)]


class DNANet(Host):
    """The plain network, with deep supervision."""

    stride = 16

    def __init__(self, in_channels: int = 1) -> None:
        super().__init__()
        self.nest = Nest(in_channels, plain(ResidualCBAM))
        self.heads = nn.ModuleList(nn.Conv2d(TOP, 1, 1) for _ in range(DEPTH - 1))

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(head(features) for head, features in zip(self.heads, self.nest(x, 0), strict=True))


class DNANetRuCB(Host):
    """DNANet with a RuCB as every node. The nest runs several times over its own output.

    Stem and fusion keep the attention of the plain network. The side maps are those of the last pass.
    """

    stride = 16

    def __init__(self, in_channels: int = 1, passes: int = 3) -> None:
        super().__init__()
        self.passes = passes
        self.stem = ResidualCBAM(in_channels, TOP)
        self.nest = Nest(TOP, reusable(passes))
        self.fuse = ResidualCBAM(passes * TOP, TOP)
        self.heads = nn.ModuleList(nn.Conv2d(TOP, 1, 1) for _ in range(DEPTH - 1))

    def forward_all(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)  # [N, 16, H, W]
        outputs: list[Tensor] = []
        sides: list[Tensor] = []
        for pass_index in range(self.passes):
            *sides, x = self.nest(x, pass_index)  # [N, 16, H, W]
            outputs.append(x)
        sides.append(self.fuse(torch.cat(outputs, 1)))  # [N, 48, H, W] -> [N, 16, H, W]
        return tuple(head(features) for head, features in zip(self.heads, sides, strict=True))


def _input_channels(row: int, column: int, in_channels: int) -> int:
    """Number of input channels of a node."""
    if column == 0:
        return WIDTHS[row - 1] if row else in_channels
    return WIDTHS[row] * column + WIDTHS[row + 1] + (WIDTHS[row - 1] if row else 0)


def _node_input(grid: list[list[Tensor]], row: int, column: int, x: Tensor) -> Tensor:
    """Input of a node: the nodes of its row so far, the node below in the column before, and the node above."""
    if column == 0:
        return F.max_pool2d(grid[row - 1][0], 2) if row else x
    above = [aligned(grid[row - 1][column], 0.5)] if row else []
    return torch.cat([*grid[row], aligned(grid[row + 1][column - 1], 2), *above], 1)
