"""Gives the targets of a stream their tracks, frame after frame."""

from functools import cached_property
from typing import TYPE_CHECKING

from service.api.stream.frame import FrameAnswer
from service.tracking.settings import TrackSettings

if TYPE_CHECKING:
    from service.tracking.camera import CameraMotion
    from service.tracking.tracker import Tracker


class StreamTracks:
    """The tracks of one stream. Frames come in order; those that were dropped, or have a fault, count as time.

    The tracker is imported with the first frame, in its thread.

    Args:
        settings: when a track counts as confirmed.
    """

    def __init__(self, settings: TrackSettings) -> None:
        self._settings = settings
        self._last = -1  # the index of the frame before

    def add(self, answer: FrameAnswer) -> None:
        """Give each target in the entry of the next frame its ``track``. It takes a while: call it in a thread."""
        from service.tracking.camera import STILL
        from service.tracking.track import attach_tracks

        if answer.targets is None:
            return
        index: int = answer.entry["index"]
        shift = STILL if answer.counts is None else self._camera.follow(answer.counts)
        tracks = self._tracker.update(answer.targets, shift, index - self._last)
        self._last = index
        attach_tracks(answer.entry["targets"], tracks)

    @cached_property
    def _tracker(self) -> "Tracker":
        from service.tracking.tracker import Tracker

        return Tracker(self._settings)

    @cached_property
    def _camera(self) -> "CameraMotion":
        from service.tracking.camera import CameraMotion

        return CameraMotion()
