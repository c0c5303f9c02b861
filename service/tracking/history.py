"""What is remembered of each track: in which frames it was seen, and where."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.tracking.settings import TrackSettings

DRIFT: Final = 0.5  # pixels between the mean places of the older and of the newer half of the sightings
SPREAD: Final = 1.0  # pixels, standard deviation of the sightings around their mean

Places = NDArray[np.float64]


@dataclass(slots=True)
class History:
    """The past of ``K`` tracks.

    Attributes:
        id: ``[K]``.
        age: ``[K]`` frames since the first sighting; 1 in that frame.
        hits: ``[K, confirm_frames]``, True for frames in which the track was seen; the newest is the last.
        unseen: ``[K]`` frames since the track was seen.
        sightings: ``[K]``.
        proven: ``[K]``, whether the track was ever seen in M of N frames.
        scene, sensor: ``[K, static_after, 2]``, the last places where it was seen; the newest is the last.
    """

    id: NDArray[np.int64]
    age: NDArray[np.int64]
    hits: NDArray[np.bool_]
    unseen: NDArray[np.int64]
    sightings: NDArray[np.int64]
    proven: NDArray[np.bool_]
    scene: Places
    sensor: Places

    @classmethod
    def begin(cls, ids: NDArray[np.int64], scene: Places, sensor: Places, settings: TrackSettings) -> "History":
        """Tracks that are seen for the first time, at ``scene [K, 2]`` and ``sensor [K, 2]``."""
        count = len(ids)
        hits = np.zeros((count, settings.confirm_frames), np.bool_)
        hits[:, -1] = True
        ones, zeros = np.ones(count, np.int64), np.zeros(count, np.int64)
        proven = np.full(count, settings.confirm_hits == 1)
        places = (np.repeat(one[:, None], settings.static_after, axis=1) for one in (scene, sensor))
        return cls(ids, ones, hits, zeros, ones.copy(), proven, *places)

    def pass_frames(self, step: int) -> None:
        """Note that ``step`` frames passed in which no track was seen."""
        self.age += step
        self.unseen += step
        width = self.hits.shape[1]
        gone = min(step, width)
        self.hits = np.pad(self.hits, ((0, 0), (0, gone)))[:, -width:]

    def see(self, rows: NDArray[np.intp], scene: Places, sensor: Places, confirm_hits: int) -> None:
        """Note that the tracks ``rows [L]`` are seen in this frame, at ``scene [L, 2]`` and ``sensor [L, 2]``."""
        self.hits[rows, -1] = True
        self.unseen[rows] = 0
        self.sightings[rows] += 1
        self.proven |= self.hits.sum(axis=1) >= confirm_hits
        for places, newest in ((self.scene, scene), (self.sensor, sensor)):
            places[rows] = np.concatenate([places[rows, 1:], newest[:, None]], axis=1)

    def confirmed(self) -> NDArray[np.bool_]:
        """``[K]``: which tracks were seen in M of N frames once, and since they began in at least half of all frames.

        A pixel that flickers passes the first test sooner or later, and fails the second.
        """
        return self.proven & (2 * self.sightings >= self.age)

    def ended(self, settings: TrackSettings) -> NDArray[np.bool_]:
        """``[K]``: proven tracks that were hidden for too long, and others that no longer can be confirmed soon.

        A track that is not proven ends when fewer than ``confirm_hits`` of the frames around now could be hits:
        its hits of the last ``confirm_frames - 1`` frames and the next frame.
        """
        possible = self.hits[:, 1:].sum(axis=1) + 1
        hopeless = (possible < settings.confirm_hits) & (self.unseen >= settings.confirm_frames - settings.confirm_hits)
        return np.where(self.proven, self.unseen > settings.patience, hopeless)

    def static(self, rows: NDArray[np.intp], static_after: int) -> NDArray[np.bool_]:
        """``[L]``: which of the tracks ``rows [L]`` keep their place, in the scene or on the sensor."""
        often = self.sightings[rows] >= static_after
        return often & (_is_still(self.scene[rows]) | _is_still(self.sensor[rows]))

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the tracks where ``kept [K]`` is False."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name)[kept])

    def append(self, other: "History") -> None:
        """Add the tracks of ``other`` at the end."""
        for one in fields(self):
            setattr(self, one.name, np.concatenate([getattr(self, one.name), getattr(other, one.name)]))


def _is_still(places: Places) -> NDArray[np.bool_]:
    """Whether ``places [L, T, 2]`` neither drift nor spread."""
    half = places.shape[1] // 2
    drift = places[:, half:].mean(axis=1) - places[:, : max(half, 1)].mean(axis=1)
    spread = places.std(axis=1)
    still: NDArray[np.bool_] = (np.hypot(*drift.T) <= DRIFT) & (np.hypot(*spread.T) <= SPREAD)
    return still
