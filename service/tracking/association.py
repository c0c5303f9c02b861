"""Decides which target belongs to which track: the likeliest pairs within the gate."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from service.tracking.motion import POSITION_NOISE, Motion, Rows

WITHIN: Final = 13.8  # squared distance in standard deviations: one true pair in a thousand lies farther out
SAME_PIXEL: Final = 1.0  # pixels on the sensor; nearer to its last place, a target may be a pixel that is defective
NEVER: Final = 1e6  # more than any cost of a pair

Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]


def pair_cost(motion: Motion, scene: Rows, last_sensor: Rows, sensor: Rows, reach: Rows) -> Rows:
    """The cost ``[K, L]`` of each track with each target: lower is likelier, ``NEVER`` is outside the gate.

    A defective pixel keeps its place on the sensor, however the camera moves. So the distance to the last place on the
    sensor counts too, if it is below ``SAME_PIXEL``.

    Args:
        motion: the predicted tracks.
        scene: ``[L, 2]``, the places of the targets in the scene.
        last_sensor: ``[K, 2]``, where the tracks were last seen, in pixels of that frame.
        sensor: ``[L, 2]``, the places of the targets in pixels of this frame.
        reach: ``[K]`` pixels; a target that is farther from the prediction belongs to another track.
    """
    variance = motion.innovation_variance()[:, None]
    apart, moved = cdist(motion.position, scene), cdist(last_sensor, sensor)
    by_scene = _cost(apart, variance, apart <= reach[:, None])
    return np.minimum(by_scene, _cost(moved, np.full_like(variance, 2 * POSITION_NOISE**2), moved <= SAME_PIXEL))


def assign(cost: Rows) -> Pairs:
    """The rows and columns of the pairs with the lowest sum of costs; pairs of ``NEVER`` are left out."""
    near = cost < NEVER
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    row, column = linear_sum_assignment(cost[np.ix_(rows, columns)])
    chosen_rows, chosen_columns = rows[row], columns[column]
    kept = cost[chosen_rows, chosen_columns] < NEVER
    return chosen_rows[kept], chosen_columns[kept]


def _cost(distance: Rows, variance: Rows, allowed: NDArray[np.bool_]) -> Rows:
    """Minus twice the logarithm of the likelihood of a distance, without its constant."""
    squared = distance**2 / variance
    return np.where(allowed & (squared <= WITHIN), squared + 2 * np.log(variance), NEVER)
