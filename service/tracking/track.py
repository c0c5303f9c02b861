"""What a track says of one target, and its JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from service.detection.targets import Point


@dataclass(frozen=True, slots=True)
class Track:
    """The track of a target in one frame.

    Attributes:
        id: the same in every frame of the track, from 1.
        age: frames from the first one of the track up to this one; 1 in its first frame.
        velocity: pixels a frame against the scene: the motion of the camera is taken out.
        confirmed: seen in M of the last N frames, once since the track began.
        static: seen often, and keeps its place in the scene or on the sensor.
    """

    id: int
    age: int
    velocity: Point
    confirmed: bool
    static: bool


def describe_track(track: Track) -> dict[str, Any]:
    """The field ``track`` of a target."""
    return {
        "id": track.id,
        "age": track.age,
        "velocity": {axis: round(value, 3) for axis, value in track.velocity._asdict().items()},
        "confirmed": track.confirmed,
        "static": track.static,
    }


def attach_tracks(targets: Sequence[dict[str, Any]], tracks: Iterable[Track | None]) -> None:
    """Give each entry of ``targets`` in an answer its field ``track``; a target without a track gets none."""
    for target, track in zip(targets, tracks, strict=True):
        if track is not None:
            target["track"] = describe_track(track)
