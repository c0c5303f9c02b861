"""Counts of a sensor as a picture of 8 bits."""

import io
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BYTE: Final = 255
NPY: Final = b"\x93NUMPY"


def to_picture(frame: NDArray[Any] | Image.Image, span: tuple[float, float] | None = None) -> Image.Image:
    """A frame as an RGB picture.

    Args:
        frame: counts ``[H, W]``, colours ``[H, W, 3]`` of uint8, or a picture.
        span: the counts that become black and white; by default the lowest and the highest finite count. Counts of
            uint8 stay as they are if no span is given.

    Raises:
        ValueError: the array has another shape.
    """
    if isinstance(frame, Image.Image):
        if frame.mode in {"L", "RGB", "RGBA", "P", "1", "LA"}:
            return frame.convert("RGB")
        frame = np.asarray(frame)
    counts = np.asarray(frame)
    if counts.ndim == 3 and counts.shape[-1] == 3 and counts.dtype == np.uint8:
        return Image.fromarray(counts)
    if counts.ndim != 2 or not counts.size:
        raise ValueError(f"a frame is [H, W], or [H, W, 3] of uint8, and not {counts.dtype} of shape {counts.shape}")
    if span is None and counts.dtype == np.uint8:
        return Image.fromarray(counts).convert("RGB")
    return Image.fromarray(_stretched(counts, span)).convert("RGB")


def _stretched(counts: NDArray[Any], span: tuple[float, float] | None) -> NDArray[np.uint8]:
    """``[H, W]``: the span becomes 0 to 255; counts beyond it are clipped, and NaN becomes 0."""
    values = counts.astype(np.float64)
    finite = np.isfinite(values)
    low, high = span or (values[finite].min(initial=np.inf), values[finite].max(initial=-np.inf))
    if not high > low:
        return np.zeros(counts.shape, np.uint8)
    shares = np.clip((np.where(finite, values, low) - low) / (high - low), 0, 1)
    levels: NDArray[np.uint8] = np.rint(shares * BYTE).astype(np.uint8)
    return levels


def open_frame(frame: Any, page: int = 0) -> NDArray[Any] | Image.Image:
    """A frame that was given as an array, a picture, a path or the bytes of a file.

    Pillow reads files here, so not every format that a server reads can be opened.

    Args:
        frame: what was given.
        page: of a file with several pages.

    Raises:
        ValueError: the file cannot be read here.
    """
    if isinstance(frame, Image.Image):
        return frame
    if isinstance(frame, str | os.PathLike):
        frame = Path(frame).read_bytes()
    if not isinstance(frame, bytes | bytearray | memoryview):
        return np.squeeze(np.asarray(frame))
    try:
        return _open(bytes(frame), page)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"the frame cannot be read here ({error}): pass it as an array, or use preview='png'"
        ) from error


def _open(content: bytes, page: int) -> NDArray[Any] | Image.Image:
    if content.startswith(NPY):
        array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
        return np.squeeze(array if array.ndim == 2 else array[page])
    with Image.open(io.BytesIO(content)) as image:
        image.seek(page)
        image.load()
        return image.copy()
