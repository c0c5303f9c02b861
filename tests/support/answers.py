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

REPLACED: Final = os.environ.get("RRCANET_ENGINE") == "openvino"
CONFIDENCE: Final = 0.05 if REPLACED else 1e-3
PIXELS: Final = 0.25 if REPLACED else 0.01  # of a centroid
FLIPPED: Final = 3 if REPLACED else 0  # pixels whose probability is at the threshold


def read_png(data: str) -> NDArray[np.int64]:
    """Values of a PNG in base64, ``[H, W]``."""
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image).astype(np.int64)


def read_rle(mask: dict) -> NDArray[np.uint8]:
    """Values of a mask as COCO's run lengths, ``[H, W]``, 0 or 1."""
    pixels: NDArray[np.uint8] = coco.decode({"size": mask["size"], "counts": mask["counts"].encode()})
    return pixels


def assert_same_frame(found: dict, expected: dict) -> None:
    """Fail unless two entries of ``frames`` say the same, masks as PNG included."""
    assert found.keys() == expected.keys()
    assert {**found, "targets": 0, "mask": 0} == {**expected, "targets": 0, "mask": 0}
    assert_same_targets(found["targets"], expected["targets"])
    if "mask" in expected:
        assert_same_mask(*(read_png(one["mask"]["data"]) for one in (found, expected)))


def assert_same_targets(found: list[dict], expected: list[dict], within: float = PIXELS) -> None:
    """Fail unless each target has its own counterpart; nearly equal confidences may change places.

    Args:
        found: targets of the one answer.
        expected: targets of the other.
        within: pixels between the centroids of one target.
    """
    assert [one.keys() for one in found] == [one.keys() for one in expected]
    left = list(found)
    for target in expected:
        nearest = min(left, key=lambda one: apart(one, target))
        left.remove(nearest)
        assert apart(nearest, target) <= max(within, PIXELS)
        assert abs(nearest["confidence"] - target["confidence"]) <= max(within, CONFIDENCE)


def assert_same_mask(found: NDArray[np.generic], expected: NDArray[np.generic]) -> None:
    """Fail unless two masks are equal, but for pixels at the threshold."""
    assert found.shape == expected.shape
    assert np.count_nonzero(found != expected) <= FLIPPED


def apart(one: dict, other: dict) -> float:
    """Pixels between the centroids of two targets."""
    a, b = one["centroid"], other["centroid"]
    return float(np.hypot(a["x"] - b["x"], a["y"] - b["y"]))
