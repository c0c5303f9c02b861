"""``--track``: gives the targets of each frame their tracks before results are written."""

from collections import deque
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace

from service.commands.detect.writers import Result, Writer
from service.errors import ServiceError
from service.tracking.camera import STILL, CameraMotion, Shift
from service.tracking.settings import TrackSettings
from service.tracking.track import Track
from service.tracking.tracker import Tracker


@dataclass(slots=True)
class _Sequence:
    """The frames that share tracks, and what is known of the newest one."""

    name: str
    tracker: Tracker
    motion: CameraMotion
    scene: Shift = STILL
    page: int = 0
    passed: int = 1


@dataclass(frozen=True, slots=True)
class _Fault:
    """A frame that could not be read, in its place among the results."""

    name: str
    page: int
    fault: ServiceError


class TrackingWriter(Writer):
    """Links targets and passes results on, a few frames later.

    A track that is confirmed vouches for its targets in the frames before. So results are held back by the frames of a
    confirmation, and ``confirmed`` is that of the newest frame.

    Args:
        writer: takes the results with tracks.
        settings: of the tracks.
    """

    def __init__(self, writer: Writer, settings: TrackSettings) -> None:
        self._writer, self._settings = writer, settings
        self._sequence = self._begin("")
        self._held: deque[Result | _Fault] = deque()
        self._confirmed: set[int] = set()

    def add(self, result: Result) -> None:
        """Link the targets of the next frame."""
        if result.sequence != self._sequence.name:
            self.flush()
            self._sequence = self._begin(result.sequence)
        tracks = self._link(self._sequence, result)
        self._confirmed.update(track.id for track in tracks if track and track.confirmed)
        self._hold(replace(result, tracks=tracks))

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """Keep the place of a frame that could not be read."""
        self._sequence.passed += 1
        self._hold(_Fault(name, page, fault))

    def flush(self) -> None:
        """Pass on what is held back."""
        while self._held:
            self._pass_on()
        self._confirmed.clear()

    def _begin(self, name: str) -> _Sequence:
        return _Sequence(name, Tracker(self._settings), CameraMotion())

    def _link(self, sequence: _Sequence, result: Result) -> tuple[Track | None, ...]:
        step = max(result.page - sequence.page, 1) if result.is_video else sequence.passed
        if result.scene is not None:
            shift = result.scene.minus(sequence.scene)
            sequence.scene = result.scene
        else:
            shift = STILL if result.counts is None else sequence.motion.follow(result.counts)
        sequence.page, sequence.passed = result.page, 1
        return tuple(sequence.tracker.update(result.detection.found.targets, shift, step))

    def _hold(self, one: Result | _Fault) -> None:
        self._held.append(one)
        if len(self._held) >= self._settings.confirm_frames:
            self._pass_on()

    def _pass_on(self) -> None:
        one = self._held.popleft()
        if isinstance(one, _Fault):
            self._writer.add_fault(one.name, one.page, one.fault)
            return
        tracks = tuple(_vouched(track, self._confirmed) for track in one.tracks or ())
        self._writer.add(replace(one, tracks=tracks))


def _vouched(track: Track | None, confirmed: Set[int]) -> Track | None:
    return replace(track, confirmed=True) if track and track.id in confirmed else track


@contextmanager
def tracking(writer: Writer, settings: TrackSettings | None) -> Iterator[Writer]:
    """The writer that results with tracks go to; the writer itself without settings."""
    if settings is None:
        yield writer
        return
    tracked = TrackingWriter(writer, settings)
    try:
        yield tracked
    finally:
        tracked.flush()
