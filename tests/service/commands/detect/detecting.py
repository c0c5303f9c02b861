"""What tests of ``rrcanet detect`` share."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from click.testing import Result

SCENE = np.zeros((20, 30), np.uint8)
SCENE[3:5, 4:7] = 255
SCENE[15, 20] = 200
BOXES = [{"x": 4, "y": 3, "width": 3, "height": 2}, {"x": 20, "y": 15, "width": 1, "height": 1}]

Detect = Callable[..., Result]


def frames_of(ended: Result) -> list[dict[str, Any]]:
    """The entries of an answer in JSON on standard output."""
    frames: list[dict[str, Any]] = json.loads(ended.stdout)["frames"]
    return frames


def names_of(ended: Result) -> list[str]:
    """The names of the frames, in order."""
    return [frame["name"] for frame in frames_of(ended)]


def boxes(frame: dict[str, Any]) -> list[dict[str, int]]:
    """The boxes of a frame's targets."""
    return [target["bbox"] for target in frame["targets"]]
