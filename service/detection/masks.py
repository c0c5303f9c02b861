"""Encodes masks for answers: PNG, COCO run lengths, and probabilities as a 16-bit PNG."""

import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG_EFFORT = 1  # masks are nearly empty: a higher compression level costs time and saves only a few bytes


def encode_png(mask: NDArray[np.bool_]) -> bytes:
    """Encode ``mask [H, W]`` as 8-bit gray PNG: 0 or 255."""
    return _png(Image.fromarray(mask.astype(np.uint8) * 255))


def encode_probability(probabilities: NDArray[np.float32]) -> bytes:
    """Encode ``probabilities [H, W]`` as 16-bit gray PNG: 65535 is probability 1."""
    return _png(Image.fromarray(np.rint(probabilities * 65535).astype(np.uint16)))


def encode_rle(mask: NDArray[np.bool_]) -> str:
    """Encode ``mask [H, W]`` as COCO's compressed run lengths: down the columns, beginning with a run of zeros.

    Each run is written as the difference to the run two before it, in groups of five bits, lowest first. A sixth bit
    says that more groups follow. Each group is offset to a printable character (cocoapi, ``rleToString``).
    """
    runs = _runs(mask.ravel(order="F"))
    differences = [run - runs[i - 2] if i > 2 else run for i, run in enumerate(runs)]
    return "".join(map(_variable_length, differences))


def _runs(pixels: NDArray[np.bool_]) -> list[int]:
    edges = np.flatnonzero(np.diff(pixels)) + 1
    bounds = [0, *edges.tolist(), pixels.size]
    lengths = [after - before for before, after in pairwise(bounds)]
    return [0, *lengths] if pixels[0] else lengths


def _variable_length(value: int) -> str:
    characters = []
    while True:
        group, value = value & 0x1F, value >> 5
        done = value == (-1 if group & 0x10 else 0)
        characters.append(chr(48 + (group if done else group | 0x20)))
        if done:
            return "".join(characters)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=PNG_EFFORT)
    return buffer.getvalue()
