"""The mask of an answer: decoded when it is asked for."""

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rrcanet.errors import AnswerError
from rrcanet.masks.own_pixels import connected, most_probable
from rrcanet.masks.run_lengths import decode_run_lengths, encode_run_lengths

MAX_LEVEL: Final = 65535  # pixel value of probability 1
NONE: Final = "the answer has no mask: ask for one with mask='png', 'rle' or 'probability'"
Peaks = Iterable[tuple[tuple[int, int], int]]  # row and column, area


def decode_png(carried: Mapping[str, Any], size: tuple[int, int]) -> NDArray[np.uint16]:
    """Pixels ``[H, W]`` of an image in base64, of 8 or 16 bits.

    Args:
        carried: has the image in ``data``.
        size: height and width that it must have.

    Raises:
        AnswerError: it is no such image.
    """
    try:
        content = base64.b64decode(carried["data"], validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            shape = (image.height, image.width)
            if shape != size:
                raise AnswerError(f"its mask is {shape[1]}x{shape[0]}, its frame {size[1]}x{size[0]}")
            levels = np.asarray(image)
    except AnswerError:
        raise
    except Exception as error:  # Pillow raises many kinds of exceptions for damaged files
        raise AnswerError("its mask is no PNG that can be read") from error
    if levels.ndim != 2:
        raise AnswerError("its mask is in colour")
    return levels.astype(np.uint16)


def decode_mask(carried: Mapping[str, Any], size: tuple[int, int], peaks: Peaks) -> NDArray[np.bool_]:
    """``[H, W]``: the pixels of all targets, whatever the encoding.

    Raises:
        AnswerError: the mask cannot be decoded.
    """
    if carried.get("encoding") == "rle":
        try:
            return decode_run_lengths(size, carried["counts"])
        except (ValueError, KeyError, TypeError) as error:
            raise AnswerError(f"its mask cannot be decoded: {error}") from error
    levels = decode_png(carried, size)
    if carried.get("encoding") == "probability":
        return mask_of_probabilities(levels, peaks)[0]
    return levels > 0


def mask_of_probabilities(levels: NDArray[np.uint16], peaks: Peaks) -> tuple[NDArray[np.bool_], bool]:
    """``[H, W]``: the pixels of the targets with these peaks and areas, and whether they are sure."""
    mask, is_sure = np.zeros(levels.shape, np.bool_), True
    for peak, area in peaks:
        own, is_own_sure = most_probable(levels, peak, area)
        mask |= own
        is_sure &= is_own_sure
    return mask, is_sure


def encode_as(carried: Mapping[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Another mask in the encoding of the carried one; probabilities stay as they are."""
    if carried.get("encoding") == "rle":
        return {"encoding": "rle", "size": list(mask.shape), "counts": encode_run_lengths(mask)}
    if carried.get("encoding") == "probability":
        return dict(carried)
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, "PNG")
    return {"encoding": "png", "data": base64.b64encode(buffer.getvalue()).decode()}


def own_masks(mask: NDArray[np.bool_], peaks: Iterable[tuple[int, int]]) -> list[NDArray[np.bool_]]:
    """For each peak ``[H, W]``: the connected pixels of the mask that hold it."""
    return [connected(mask, peak) for peak in peaks]
