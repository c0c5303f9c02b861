"""A Kalman filter of constant velocity for many tracks at once.

Both axes have the same noise, so they share one covariance. The model is the discrete white-noise acceleration of
Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation (2001), 6.3.2.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

POSITION_NOISE: Final = 0.5  # pixels, standard deviation of a centroid and of the camera's shift, per axis
ACCELERATION: Final = 0.3  # pixels a frame^2, standard deviation per axis
SIGMAS_IN_GATE: Final = 3.0  # the gate is so many standard deviations of the speed of a new track

Rows = NDArray[np.float64]


@dataclass(slots=True)
class Motion:
    """The estimates of ``K`` tracks.

    Attributes:
        position: ``[K, 2]`` pixels, x and y.
        velocity: ``[K, 2]`` pixels a frame.
        covariance: ``[K, 3]``: variance of the position, covariance of both, variance of the velocity; for each axis.
    """

    position: Rows
    velocity: Rows
    covariance: Rows

    @classmethod
    def begin(cls, position: Rows, gate: float) -> "Motion":
        """Tracks that are seen for the first time at ``position [K, 2]``; their velocity is not known yet."""
        covariance = np.tile([POSITION_NOISE**2, 0.0, (gate / SIGMAS_IN_GATE) ** 2], (len(position), 1))
        return cls(position, np.zeros_like(position), covariance)

    def predict(self, step: float) -> None:
        """Move all tracks on by ``step`` frames."""
        a, b, c = self.covariance.T
        noise = ACCELERATION**2 * step**2
        self.position = self.position + step * self.velocity
        self.covariance = np.stack(
            [a + 2 * step * b + step**2 * c + noise * step**2 / 4, b + step * c + noise * step / 2, c + noise], axis=1
        )

    def innovation_variance(self) -> Rows:
        """``[K]`` pixels^2: the variance of what is measured around what is predicted, per axis."""
        variance: Rows = self.covariance[:, 0] + POSITION_NOISE**2
        return variance

    def update(self, rows: NDArray[np.intp], measured: Rows) -> None:
        """Correct the tracks ``rows [L]`` by their measured positions ``[L, 2]``."""
        a, b, c = self.covariance[rows].T
        to_position, to_velocity = a / (a + POSITION_NOISE**2), b / (a + POSITION_NOISE**2)
        surprise = measured - self.position[rows]
        self.position[rows] += to_position[:, None] * surprise
        self.velocity[rows] += to_velocity[:, None] * surprise
        self.covariance[rows] = np.stack([a * (1 - to_position), b * (1 - to_position), c - to_velocity * b], axis=1)

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the tracks where ``kept [K]`` is False."""
        self.position, self.velocity, self.covariance = (
            rows[kept] for rows in (self.position, self.velocity, self.covariance)
        )

    def append(self, other: "Motion") -> None:
        """Add the tracks of ``other`` at the end."""
        self.position = np.concatenate([self.position, other.position])
        self.velocity = np.concatenate([self.velocity, other.velocity])
        self.covariance = np.concatenate([self.covariance, other.covariance])
