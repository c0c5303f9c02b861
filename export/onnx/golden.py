"""The golden check: a small frame and PyTorch's probabilities for it, stored in the card.

A server runs the frame when it loads the file and compares the result, so a broken runtime is found at start-up.
"""

import base64
import io
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from export.onnx.graph import Precision, ServedNetwork
from service.detection.windows import rounded_up
from service.runtime.card import GoldenCheck

TOLERANCES: Final[dict[Precision, float]] = {"fp32": 1e-3, "fp16": 2e-2}  # a wrong graph differs by far more
ROWS, COLUMNS = 64, 96
CENTRES: Final = ((14.3, 20.6), (40.0, 70.0), (51.5, 33.2))  # (y, x)


def golden_check(served: ServedNetwork, precision: Precision, stride: int) -> GoldenCheck:
    """Compute PyTorch's probabilities for the golden frame. Both are stored in the card as PNGs."""
    frame = golden_frame(stride)
    with torch.no_grad():
        expected = served(torch.from_numpy(frame.astype(np.float32))[None, None])[0, 0].numpy()
    return GoldenCheck(
        frame=_png(frame),
        probabilities=_png(np.rint(expected * 65535).astype(np.uint16)),
        tolerance=TOLERANCES[precision],
    )


def golden_frame(stride: int = 1) -> NDArray[np.uint8]:
    """``[H, W]``: a gradient, noise and three small targets, always the same. ``stride`` divides H and W."""
    rows, columns = (rounded_up(side, stride) for side in (ROWS, COLUMNS))
    y, x = np.mgrid[0:rows, 0:columns]
    frame = 60 + 0.4 * x + 0.3 * y + np.random.default_rng(0).normal(0, 3, (rows, columns))
    for row, column in CENTRES:
        frame += 110 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 2.5)
    pixels: NDArray[np.uint8] = np.clip(np.rint(frame), 0, 255).astype(np.uint8)
    return pixels


def _png(pixels: NDArray[np.generic]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
