"""Gives the targets of a stream their tracks, frame after frame."""

from service.api.stream.frame import FrameAnswer
from service.tracking import STILL, CameraMotion, Tracker, TrackSettings, attach_tracks


class StreamTracks:
    """The tracks of one stream. Frames come in order; those that were dropped, or have a fault, count as time.

    Args:
        settings: when a track counts as confirmed.
    """

    def __init__(self, settings: TrackSettings) -> None:
        self._tracker, self._camera = Tracker(settings), CameraMotion()
        self._last = -1  # the index of the frame before

    def add(self, answer: FrameAnswer) -> None:
        """Give each target in the entry of the next frame its ``track``. It takes a while: call it in a thread."""
        if answer.targets is None:
            return
        index: int = answer.entry["index"]
        shift = STILL if answer.counts is None else self._camera.follow(answer.counts)
        tracks = self._tracker.update(answer.targets, shift, index - self._last)
        self._last = index
        attach_tracks(answer.entry["targets"], tracks)
