"""Gives each target of a frame its track: predicts, pairs, corrects, begins and ends tracks."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.detection.targets import Point, Target
from service.tracking.agreement import common_shift
from service.tracking.association import assign, pair_cost
from service.tracking.camera import STILL, Shift
from service.tracking.history import History, Places
from service.tracking.motion import Motion
from service.tracking.settings import TrackSettings
from service.tracking.track import Track

MOST_TARGETS: Final = 500  # of one frame: the most confident get tracks; this bounds time and memory
MOST_TRACKS: Final = 2000
DEFAULT: Final = TrackSettings()


class Tracker:
    """Tracks of one stream of frames. One thread at a time may use it.

    Places are kept in pixels of the scene: those of the first frame, continued as the camera moves.
    """

    def __init__(self, settings: TrackSettings = DEFAULT) -> None:
        self.settings = settings
        self._camera = np.zeros(2)
        self._last_id = 0
        nothing, nowhere = np.zeros(0, np.int64), np.zeros((0, 2))
        self._motion = Motion.begin(nowhere, settings.gate)
        self._history = History.begin(nothing, nowhere, nowhere, settings)

    def update(self, targets: Sequence[Target], shift: Shift = STILL, step: int = 1) -> list[Track | None]:
        """Link the targets of the next frame.

        Args:
            targets: of the frame, by falling confidence.
            shift: how far the scene moved in the picture since the frame before, from ``CameraMotion``.
            step: frames of the camera since the last update; more than 1 if frames in between were passed over.

        Returns:
            One track for each target. None stands for targets beyond the ``MOST_TARGETS`` most confident.
        """
        self._camera -= shift
        sensor = np.array([target.centroid for target in targets[:MOST_TARGETS]], np.float64).reshape(-1, 2)
        self._motion.predict(step)
        self._history.pass_frames(step)
        confirmed = self._motion.position[self._history.confirmed()]
        self._camera -= common_shift(confirmed, sensor + self._camera, self.settings.gate)
        rows = self._link(sensor, sensor + self._camera)
        tracks: list[Track | None] = list(self._describe(rows))
        self._end()
        return tracks + [None] * (len(targets) - len(tracks))

    def _link(self, sensor: Places, scene: Places) -> NDArray[np.intp]:
        """The row of the track of each target, ``[L]``; targets without a track begin one."""
        reach = self.settings.gate * np.minimum(self._history.unseen, 3)
        cost = pair_cost(self._motion, scene, self._history.sensor[:, -1], sensor, reach)
        tracks, seen = assign(cost)
        self._motion.update(tracks, scene[seen])
        self._history.see(tracks, scene[seen], sensor[seen], self.settings.confirm_hits)
        rows = np.full(len(sensor), -1, np.intp)
        rows[seen] = tracks
        begun = np.flatnonzero(rows < 0)[: max(MOST_TRACKS - len(self._history.id), 0)]
        rows[begun] = self._begin(sensor[begun], scene[begun])
        return rows

    def _begin(self, sensor: Places, scene: Places) -> NDArray[np.intp]:
        first, count = len(self._history.id), len(sensor)
        ids = np.arange(self._last_id + 1, self._last_id + 1 + count, dtype=np.int64)
        self._last_id += count
        self._motion.append(Motion.begin(scene, self.settings.gate))
        self._history.append(History.begin(ids, scene, sensor, self.settings))
        return np.arange(first, first + count)

    def _end(self) -> None:
        kept = ~self._history.ended(self.settings)
        self._motion.keep(kept)
        self._history.keep(kept)

    def _describe(self, rows: NDArray[np.intp]) -> Sequence[Track | None]:
        history = self._history
        confirmed, static = history.confirmed(), history.static(rows, self.settings.static_after)
        return [
            None if row < 0 else self._track(int(row), bool(confirmed[row]), bool(is_static))
            for row, is_static in zip(rows, static, strict=True)
        ]

    def _track(self, row: int, confirmed: bool, static: bool) -> Track:
        velocity = Point(*map(float, self._motion.velocity[row]))
        return Track(int(self._history.id[row]), int(self._history.age[row]), velocity, confirmed, static)
