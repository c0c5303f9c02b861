"""Samples of any real type -> counts, in the four types that the rest of the code works with."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

REC_601: Final = np.array([0.299, 0.587, 0.114], np.float32)
KEPT: Final = ("uint8", "uint16", "float32", "float64")
EXACT_IN_FLOAT32: Final = ("int8", "int16", "float16")
REAL: Final = (*KEPT, *EXACT_IN_FLOAT32, "int32", "uint32", "int64", "uint64")


class UnreadableCountsError(ValueError):
    """The counts cannot be read as they are stored; the message says why, and what to use instead."""


class Counts(NamedTuple):
    """``pixels [H, W]`` of uint8, uint16, float32 or float64; ``dtype`` is the type in the file, also for colour."""

    pixels: NDArray[np.generic]
    dtype: str


def make_counts(samples: NDArray[Any]) -> NDArray[np.generic]:
    """Counts of samples of a type in ``REAL``, native and of the same shape.

    Integers of 32 bits are exact in float64. Integers of 64 bits are rounded to 53 bits.
    """
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
