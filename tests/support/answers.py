"""Holds two answers for the same frame against each other, as far as the engine lets them agree.

OpenVINO replaces its network while requests run, by one for the size that comes often. The second one rounds otherwise,
so what follows from probabilities may differ by little. Nothing else may.
"""

import base64
import io
import os
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

REPLACED: Final = os.environ.get("RRCANET_ENGINE") in ("auto", "openvino")
CONFIDENCE: Final = 0.05
PIXELS: Final = 0.25  # of a centroid; a box may be a pixel larger on each side
FLIPPED: Final = 3  # pixels whose probability is at the threshold


def read_png(data: str) -> NDArray[np.int64]:
    """Values of a PNG in base64, ``[H, W]``."""
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image).astype(np.int64)


def read_rle(mask: dict) -> NDArray[np.uint8]:
    """Values of a mask as COCO's run lengths, ``[H, W]``, 0 or 1."""
    pixels: NDArray[np.uint8] = coco.decode({"size": mask["size"], "counts": mask["counts"].encode()})
    return pixels


def assert_same_frame(found: dict, expected: dict) -> None:
    """Fail unless two entries of ``frames`` are equal, masks as PNG included."""
    if not REPLACED:
        assert found == expected
        return
    assert found.keys() == expected.keys()
    assert {**found, "targets": 0, "mask": 0} == {**expected, "targets": 0, "mask": 0}
    assert_same_targets(found["targets"], expected["targets"])
    if "mask" in expected:
        assert_same_mask(*(read_png(one["mask"]["data"]) for one in (found, expected)))


def assert_same_targets(found: list[dict], expected: list[dict]) -> None:
    """Fail unless two lists of targets are equal; with OpenVINO nearly equal confidences may change places."""
    if not REPLACED:
        assert found == expected
        return
    for one, other in pairs(found, expected):
        assert one.keys() == other.keys()
        assert apart(one, other) <= PIXELS
        assert abs(one["confidence"] - other["confidence"]) <= CONFIDENCE
        assert abs(one["area"] - other["area"]) <= FLIPPED
        assert all(abs(one["bbox"][side] - other["bbox"][side]) <= 2 for side in one["bbox"])


def assert_close(found: list[dict], expected: list[dict], within: float = 0.01) -> None:
    """Fail unless each target has its own counterpart, with a centroid that is ``within`` so many pixels."""
    for one, other in pairs(found, expected):
        assert apart(one, other) <= (max(within, PIXELS) if REPLACED else within)


def pairs(found: list[dict], expected: list[dict]) -> list[tuple[dict, dict]]:
    """Each expected target behind the nearest one that was found and belongs to no other."""
    assert len(found) == len(expected)
    left, both = list(found), []
    for target in expected:
        nearest = min(left, key=lambda one: apart(one, target))
        left.remove(nearest)
        both.append((nearest, target))
    return both


def assert_same_mask(found: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    """Fail unless two masks are equal; with OpenVINO a pixel at the threshold may differ."""
    assert found.shape == expected.shape
    assert np.count_nonzero(found != expected) <= (FLIPPED if REPLACED else 0)


def apart(one: dict, other: dict) -> float:
    """Pixels between the centroids of two targets."""
    a, b = one["centroid"], other["centroid"]
    return float(np.hypot(a["x"] - b["x"], a["y"] - b["y"]))
