"""What grows: the steps of each axis, and what a server is sent at a step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Final

import numpy as np

from benchmarks.serving.clients.requests import detect
from service.simulation.scene import make_scene

SIDE: Final = 256  # of a frame among several
MANY_SIDE: Final = 1024  # of a frame with many targets
APART: Final = 10  # pixels between the corners of two targets; 102 fit beside each other
SPOT: Final = 3  # pixels: the side of a target
SMALL_SIDE: Final = 64  # of the frame that each of many connections sends


@dataclass(frozen=True, slots=True)
class Axis:
    """One way to grow.

    Attributes:
        unit: what a step counts.
        requests: what is sent at a step, each request on a connection of its own and all at the same time; None if a
            step is the number of models that a server starts with.
        is_stand_in: whether brightness is taken for probability, so that the network hides nothing.
    """

    name: str
    unit: str
    steps: tuple[int, ...]
    requests: Callable[[int], Sequence[bytes]] | None = None
    is_stand_in: bool = False

    @property
    def picture(self) -> str:
        """The name of the picture's file."""
        return f"growth-{self.name.replace(' ', '-')}.svg"


def _area(pixels: int) -> list[bytes]:
    """One square frame."""
    side = isqrt(pixels)
    return [_request(side, make_scene(0, side, side).counts(8).astype(np.uint8))]


def _targets(number: int) -> list[bytes]:
    """One frame with so many bright squares on a dark ground."""
    frame = np.full((MANY_SIDE, MANY_SIDE), 10, np.uint8)
    across = MANY_SIDE // APART
    for place in range(number):
        y, x = (APART * index for index in divmod(place, across))
        frame[y : y + SPOT, x : x + SPOT] = 250
    return [_request(MANY_SIDE, frame, f"&range=dtype&max_targets={number}")]


def _frames(number: int) -> list[bytes]:
    """One request with so many frames."""
    return [
        _request(SIDE, np.stack([make_scene(seed, SIDE, SIDE).counts(8).astype(np.uint8) for seed in range(number)]))
    ]


def _connections(number: int) -> list[bytes]:
    """The same small frame on so many connections."""
    return [_request(SMALL_SIDE, make_scene(0, SMALL_SIDE, SMALL_SIDE).counts(8).astype(np.uint8))] * number


def _request(side: int, rows: np.ndarray, query: str = "") -> bytes:
    layout = f"width={side}&height={side}&dtype=u8"
    return detect("rows", rows.tobytes(), "application/octet-stream", layout + query).content


AXES: Final = (
    Axis("frame area", "pixels", tuple(side**2 for side in (64, 128, 256, 512, 1024, 2048)), _area),
    Axis("targets", "targets", (1, 10, 100, 1000, 10_000), _targets, is_stand_in=True),
    Axis("frames", "frames", (1, 2, 4, 8, 16, 32, 64), _frames),
    Axis("models", "models", (1, 2, 4, 8, 16)),
    Axis("connections", "connections", (1, 4, 16, 64, 256, 1000), _connections, is_stand_in=True),
)
