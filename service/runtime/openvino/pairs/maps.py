"""Feature maps in pairs of pixels, and views of their memory."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from openvino import opset15 as op

CHANNELS_LAST, CHANNELS_SECOND = (0, 2, 3, 1), (0, 3, 1, 2)


class Unsuitable(Exception):
    """The network has something at full size that is not computed on pairs."""


class Origin(Enum):
    """What has computed a map. OpenVINO merges a sum into the convolution before it."""

    CONVOLUTION = auto()
    SUM = auto()  # of a convolution and another map
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Map:
    """A map ``[1, C, H, W]`` in pairs.

    Attributes:
        port: ``[1, 2 C, H, W / 2]``; first all channels of the left pixel, then those of the right one.
        origin: what has computed it.
    """

    port: ov.Output
    origin: Origin = Origin.OTHER

    @property
    def channels(self) -> int:
        """Channels of a pixel."""
        return int(self.port.get_shape()[1]) // 2

    @property
    def pixels(self) -> ov.Output:
        """The map with a column for each pixel: ``[1, C, H, W]``."""
        return view(self.port, 2 * self.port.get_shape()[3])


Parts: TypeAlias = tuple[Map, ...]  # maps that a network joins along the channels
Value: TypeAlias = Map | Parts | ov.Output  # an ov.Output is a tensor of the network as it was


def view(port: ov.Output, columns: int) -> ov.Output:
    """The same memory, channels last, with another number of columns.

    ``[1, C, H, W] -> [1, C W / columns, H, columns]``. OpenVINO leaves out the transpositions where the nodes before
    and after keep channels last.
    """
    _, channels, height, width = port.get_shape()
    last = op.transpose(port, constant(CHANNELS_LAST))
    shape = (1, height, columns, channels * width // columns)
    return op.transpose(op.reshape(last, constant(shape), False), constant(CHANNELS_SECOND)).output(0)


def constant(values: Any) -> ov.Node:
    """A constant of the graph."""
    return op.constant(np.asarray(values, order="C"))
