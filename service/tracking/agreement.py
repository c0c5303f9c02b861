"""Corrects the motion of the camera by the tracks themselves, for scenes in which it cannot be seen."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

MOST_TRACKS: Final = 12
MOST_TARGETS: Final = 40
AGREEING: Final = 1.0  # pixels
FEWEST: Final = 2  # tracks that agree

Places = NDArray[np.float64]


def common_shift(predicted: Places, scene: Places, gate: float) -> Places:
    """The shift ``[2]`` with which more tracks are where a target is than without; zero if there is none.

    Args:
        predicted: ``[K, 2]``, where confirmed tracks are expected.
        scene: ``[L, 2]``, where targets are, by falling confidence.
        gate: pixels; a longer shift is not looked for.
    """
    predicted, scene = predicted[:MOST_TRACKS], scene[:MOST_TARGETS]
    if len(predicted) < FEWEST or len(scene) < FEWEST:
        return np.zeros(2)
    shifts = (scene[None] - predicted[:, None]).reshape(-1, 2)
    shifts = np.concatenate([np.zeros((1, 2)), shifts[np.hypot(*shifts.T) <= gate]])
    moved = (predicted[None] + shifts[:, None]).reshape(-1, 2)
    nearest = cdist(moved, scene).min(axis=1).reshape(len(shifts), len(predicted))
    votes = np.count_nonzero(nearest <= AGREEING, axis=1)
    if votes.max() < FEWEST or votes.max() == votes[0]:
        return np.zeros(2)
    best = np.flatnonzero(votes == votes.max())
    chosen: Places = shifts[best[np.argmin(np.minimum(nearest[best], AGREEING).sum(axis=1))]]
    return chosen
