"""Pixels that are no number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def without_invalid(counts: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.generic]:
    """Counts with the median in place of NaN and infinity: it attracts no attention and widens no range.

    Args:
        counts: any shape.
        valid: likewise; True where a pixel is a finite number. One at least is.
    """
    if valid.all():
        return counts
    median = np.median(counts[valid].astype(np.float64))  # of float32, halves of two large ones would be infinite
    return np.where(valid, counts, median.astype(counts.dtype))
