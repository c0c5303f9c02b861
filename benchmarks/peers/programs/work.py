"""The work that every server does: the bytes of a frame -> JSON with targets and mask.

It uses Pillow, NumPy, SciPy and ONNX Runtime, and the rule for intensities that training and serving share.
"""

import base64
import io
import json
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from intensity import auto_range, to_intensity

MODEL: Final = Path(__file__).parents[3] / "service" / "pretrained" / "rrcanet.onnx"
CARD: Final = "rrcanet.card"  # metadata of the model file
EIGHT_CONNECTED: Final = np.ones((3, 3), np.int8)

Image32 = NDArray[np.float32]


class Work:
    """The model with one thread for each CPU that this process may use."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        self._session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        card = json.loads(self._session.get_modelmeta().custom_metadata_map[CARD])
        self._threshold, self._stride = card["threshold"], card["stride"]

    def __call__(self, content: bytes, width: int = 0, height: int = 0) -> bytes:
        """The JSON answer.

        Args:
            content: a PNG, or rows of little-endian uint16.
            width, height: of rows; 0 for a PNG.
        """
        probabilities = self.probabilities(read(content, width, height))
        return json.dumps(describe(probabilities, self._threshold)).encode()

    def probabilities(self, counts: NDArray[np.generic]) -> Image32:
        """Probabilities ``[H, W]`` of ``counts [H, W]``."""
        height, width = counts.shape
        intensities = to_intensity(counts, auto_range(counts))
        margins = ((0, -height % self._stride), (0, -width % self._stride))
        padded = np.pad(intensities, margins, mode="edge")[None, None]
        (found,) = self._session.run(None, {"intensities": padded})
        cropped: Image32 = found[0, 0, :height, :width]
        return cropped


def read(content: bytes, width: int, height: int) -> NDArray[np.generic]:
    """Counts ``[H, W]`` of a PNG, or of rows."""
    if width:
        return np.frombuffer(content, "<u2").reshape(height, width)
    return np.asarray(Image.open(io.BytesIO(content)))


def describe(probabilities: Image32, threshold: float) -> dict[str, Any]:
    """Targets and mask of ``probabilities [H, W]``."""
    mask = probabilities > threshold
    labels = ndimage.label(mask, EIGHT_CONNECTED)[0]
    boxes = enumerate(ndimage.find_objects(labels), 1)
    targets = [describe_target(k, box, labels, probabilities) for k, box in boxes]
    targets.sort(key=lambda target: -target["confidence"])
    return {"targets": targets, "mask": {"encoding": "png", "data": encode_mask(mask)}}


def describe_target(
    k: int, box: tuple[slice, slice], labels: NDArray[np.int32], probabilities: Image32
) -> dict[str, Any]:
    """The component with label ``k``, which lies in ``box``."""
    inside = labels[box] == k
    weights = np.where(inside, probabilities[box], 0)
    rows, columns = np.indices(weights.shape)
    mass, top, left = weights.sum(), box[0].start, box[1].start
    return {
        "confidence": float(weights.max()),
        "centroid": {
            "x": float(left + (weights * columns).sum() / mass),
            "y": float(top + (weights * rows).sum() / mass),
        },
        "bbox": {"x": left, "y": top, "width": weights.shape[1], "height": weights.shape[0]},
        "area": int(inside.sum()),
    }


def encode_mask(mask: NDArray[np.bool_]) -> str:
    """PNG of 0 and 255, in base64."""
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
