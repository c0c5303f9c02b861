"""What is sent, and when: three kinds of frames, closed loops and Poisson arrivals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from service.simulation.scene import make_scene
from tests.support import frames

FRAMES: Final = 8  # of each kind, all different


@dataclass(frozen=True, slots=True)
class Body:
    """A frame as it is sent; ``width`` and ``height`` are 0 for a PNG, which has its own."""

    content: bytes
    media_type: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """A closed loop of ``clients``, or Poisson arrivals at ``share`` of the rate of the bound."""

    clients: int = 0
    share: float = 0.0

    @property
    def name(self) -> str:
        return f"closed loop of {self.clients}" if self.clients else f"Poisson {self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Input:
    """A kind of frames, and the loads that it is measured with; the heaviest is the last one."""

    name: str
    make: Callable[[int], Body]
    loads: tuple[Load, ...]
    is_large: bool = False

    def bodies(self, number: int = FRAMES) -> list[Body]:
        """Frames of different scenes."""
        return [self.make(seed) for seed in range(number)]


def png8(seed: int, height: int = 256, width: int = 256) -> Body:
    """An 8-bit PNG."""
    return Body(frames.png(make_scene(seed, height, width).counts(8).astype(np.uint8)), "image/png")


def png16(seed: int) -> Body:
    """A 16-bit PNG of 640x512."""
    return Body(frames.png(_deep(seed)), "image/png")


def rows16(seed: int) -> Body:
    """Rows of little-endian uint16, 640x512."""
    deep = _deep(seed)
    return Body(deep.astype("<u2").tobytes(), "application/octet-stream", deep.shape[1], deep.shape[0])


def _deep(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    return make_scene(seed, 512, 640).counts(16).astype(np.uint16)


ALL_LOADS: Final = (Load(1), Load(8), Load(share=0.5), Load(share=0.8), Load(share=1.2), Load(64), Load(share=3.0))
FEW_LOADS: Final = (Load(8), Load(share=0.8), Load(share=3.0))
INPUTS: Final = (
    Input("256x256, PNG of 8 bits", png8, ALL_LOADS),
    Input("640x512, PNG of 16 bits", png16, FEW_LOADS, is_large=True),
    Input("640x512, rows of uint16", rows16, FEW_LOADS, is_large=True),
)
