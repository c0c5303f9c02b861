"""The result of one frame, and the interface of writers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from numpy.typing import NDArray

from service.commands.detect.sources import stem_of
from service.detection.detector import Detection
from service.errors import ServiceError
from service.tracking.camera import Shift
from service.tracking.track import Track


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one frame.

    Attributes:
        name: of its file.
        page: the frame's place in the file, from 0.
        detection: what was found.
        counts: ``[H, W]`` of the frame, for overlays and tracks.
        time_s: seconds since the first frame of a video; None if there is no such time.
        is_video: whether the file is a video or a stream.
        scene: how far the scene moved in the picture since the first frame of a video, if that was measured.
        tracks: one for each target, with ``--track``.
    """

    name: str
    page: int
    detection: Detection
    counts: NDArray[Any] | None = None
    time_s: float | None = None
    is_video: bool = False
    scene: Shift | None = None
    tracks: tuple[Track | None, ...] | None = None

    @property
    def sequence(self) -> str:
        """Frames of one sequence share tracks: those of a video, and those of all files in one folder."""
        return self.name if self.is_video else PurePosixPath(self.name).parent.as_posix()

    @property
    def stem(self) -> str:
        """The name without suffix; pages after the first have their number appended."""
        stem = stem_of(self.name)
        return stem if self.page == 0 else f"{stem}_{self.page:04d}"

    @property
    def frame(self) -> str:
        """The frame, for messages."""
        return self.name if self.page == 0 else f"page {self.page} of {self.name}"


class Writer(ABC):
    """Writes results, which are added one by one."""

    @abstractmethod
    def add(self, result: Result) -> None:
        """Add a frame that was read."""

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:  # noqa: B027 (some formats ignore errors)
        """Add a frame that could not be read."""

    def close(self) -> None:  # noqa: B027 (some writers write each result at once)
        """Write what is not written yet."""


class Writers(Writer):
    """Passes everything to several writers."""

    def __init__(self, *writers: Writer) -> None:
        self._writers = writers

    def add(self, result: Result) -> None:
        """Add the frame to each writer."""
        for writer in self._writers:
            writer.add(result)

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """Add the frame to each writer."""
        for writer in self._writers:
            writer.add_fault(name, page, fault)

    def close(self) -> None:
        """Close each writer."""
        for writer in self._writers:
            writer.close()
