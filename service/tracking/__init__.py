"""Links the targets of one frame after another to tracks."""

from service.tracking.camera import STILL, CameraMotion, Shift
from service.tracking.settings import TrackSettings, parse_confirmation
from service.tracking.track import Track, attach_tracks, describe_track
from service.tracking.tracker import Tracker

__all__ = [
    "STILL",
    "CameraMotion",
    "Shift",
    "Track",
    "TrackSettings",
    "Tracker",
    "attach_tracks",
    "describe_track",
    "parse_confirmation",
]
