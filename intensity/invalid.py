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
    return np.where(valid, counts, np.median(counts[valid]))
