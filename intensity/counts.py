"""Samples of any real type -> counts, in the four types that the rest of the code works with."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

REC_601: Final = np.array([0.299, 0.587, 0.114], np.float32)
KEPT: Final = ("uint8", "uint16", "float32", "float64")
KEPT_TYPES: Final = frozenset(map(np.dtype, KEPT))  # of this machine's byte order
EXACT_IN_FLOAT32: Final = ("int8", "int16", "float16")
REAL: Final = (*KEPT, *EXACT_IN_FLOAT32, "int32", "uint32", "int64", "uint64")
for _name in ("imagecodecs", "tifffile"):  # damaged files must not write to the log of the service
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False


class UnreadableCountsError(ValueError):
    """The counts cannot be read as they are stored; the message says why, and what to use instead."""


class Counts(NamedTuple):
    """``pixels [H, W]`` of uint8, uint16, float32 or float64; ``dtype`` is the type in the file, also for colour."""

    pixels: NDArray[np.generic]
    dtype: str


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image of a file whose header was read, so that its size can be checked before memory is allocated.

    Attributes:
        width, height: in pixels.
        read: decodes it; raises UnreadableCountsError if that is not possible.
    """

    width: int
    height: int
    read: Callable[[], Counts]


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One page of a file of several pages, whose header was read.

    Attributes:
        page: its position in the file, from 0.
        frames: how many frames it holds.
        width, height: what decoding one of them allocates, in pixels.
        read: decodes them; raises UnreadableCountsError if they cannot be read.
    """

    page: int
    frames: int
    width: int
    height: int
    read: Callable[[], list[Counts]]


def make_counts(samples: NDArray[Any]) -> NDArray[np.generic]:
    """Counts of samples of a type in ``REAL``, native and of the same shape.

    Integers of 32 bits are exact in float64. Integers of 64 bits are rounded to 53 bits.
    """
    if samples.dtype in KEPT_TYPES:
        return samples
    if samples.dtype.name in KEPT:
        return samples.astype(samples.dtype.newbyteorder("="), copy=False)
    return samples.astype(np.float32 if samples.dtype.name in EXACT_IN_FLOAT32 else np.float64)


def luminance(colours: NDArray[Any]) -> NDArray[np.float32]:
    """Rec. 601 luminance ``[H, W]`` of ``[H, W, 3]`` unsigned integers of up to 16 bits."""
    bright: NDArray[np.float32] = colours.astype(np.float32) @ REC_601
    return bright


def without_fill(counts: NDArray[np.generic], fill: float) -> NDArray[np.generic]:
    """Counts with NaN in place of ``fill``, a value that means no data; float32 for integers of up to 16 bits.

    A fill value that the type cannot hold is no count of the frame, so the frame is returned as it is.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        is_fill = counts == np.float64(fill).astype(counts.dtype) if counts.dtype.kind == "f" else counts == fill
    if not is_fill.any():
        return counts
    floats = counts if counts.dtype.kind == "f" else counts.astype(np.float32)
    return np.where(is_fill, floats.dtype.type(np.nan), floats)


def decoded(decode: Callable[[bytes], NDArray[Any]], data: bytes, width: int, height: int, form: str) -> Counts:
    """Counts of an image that a codec decodes to ``[H, W]`` or ``[H, W, samples]``: gray, or luminance of colours.

    Args:
        decode: of the codec; it may raise anything.
        data: what it gets.
        width, height: what the header of the image says.
        form: name of the format, for messages.

    Raises:
        UnreadableCountsError: the codec fails, or finds another size or colours that luminance is not defined for.
    """
    try:
        samples = decode(data)
    except Exception as error:  # hostile bytes raise nearly any exception
        why = str(error) or type(error).__name__
        raise UnreadableCountsError(f"the {form} data is truncated or damaged: {why}") from error
    if samples.shape[:2] != (height, width):
        raise UnreadableCountsError(f"the {form} data is damaged: its size differs from that of its header")
    if samples.ndim == 2 or samples.shape[2] < 3:
        gray = samples if samples.ndim == 2 else samples[..., 0]
        return Counts(make_counts(np.ascontiguousarray(gray)), samples.dtype.name)
    if samples.dtype.kind != "u" or samples.dtype.itemsize > 2:
        raise UnreadableCountsError(f"the {form} has colours of type {samples.dtype}; save it as gray")
    return Counts(luminance(samples[..., :3]), samples.dtype.name)
