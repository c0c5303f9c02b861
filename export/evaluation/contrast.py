"""How much a target stands out: the signal-to-clutter ratio of the field."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.scoring.objects import EIGHT_CONNECTED

MARGIN: Final = 20  # pixels around a target's box that are its surroundings, as papers on small targets take them


def target_contrasts(counts: NDArray[np.generic], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``[K]`` of the objects of ``mask`` in the order of ``ndimage.label``: |mean on - mean around| / deviation around.

    It does not depend on gain or offset, so frames of any bit depth compare. A flat surrounding gives infinity,
    a target without surroundings NaN. Pixels of other targets and those that are no numbers count as neither.

    Args:
        counts: ``[H, W]``.
        mask: ``[H, W]``.
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
