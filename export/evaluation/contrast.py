"""Local contrast of targets: the signal-to-clutter ratio."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.scoring.objects import EIGHT_CONNECTED
from service.detection.targets import MARGIN


def target_contrasts(counts: NDArray[np.generic], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Signal-to-clutter ratio of each target: |mean of target - mean of surroundings| / deviation of surroundings.

    The ratio depends on neither gain nor offset, so frames of different bit depths are comparable. Surroundings without
    variation give infinity; a target without surroundings gives NaN. Pixels of other targets and pixels that are NaN or
    infinite belong neither to the target nor to its surroundings.

    Args:
        counts: ``[H, W]`` luminance as stored.
        mask: ``[H, W]`` bool.

    Returns:
        ``[K]``, one ratio per object of ``mask``, in the order of ``ndimage.label``.
    """
    labels, number = ndimage.label(mask, EIGHT_CONNECTED)
    contrasts = np.full(number, np.nan)
    for index, box in enumerate(ndimage.find_objects(labels)):
        wide = tuple(slice(max(side.start - MARGIN, 0), side.stop + MARGIN) for side in box)
        near, owner = counts[wide].astype(np.float64), labels[wide]
        valid = np.isfinite(near)
        contrasts[index] = _contrast(near[valid & (owner == index + 1)], near[valid & (owner == 0)])
    return contrasts


def _contrast(target: NDArray[np.float64], around: NDArray[np.float64]) -> float:
    if not target.size or not around.size:
        return float("nan")
    difference, deviation = abs(target.mean() - around.mean()), around.std()
    if not deviation:
        return float("inf") if difference else 0.0
    return float(difference / deviation)
