"""What a writer is given, and what it must do with it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from service.commands.detect.sources import stem_of
from service.detection.detector import Detection
from service.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Result:
    """One frame of one file: ``page`` counts from 0."""

    name: str
    page: int
    detection: Detection

    @property
    def stem(self) -> str:
        """Name without suffix; pages after the first carry their number."""
        stem = stem_of(self.name)
        return stem if self.page == 0 else f"{stem}_{self.page:04d}"

    @property
    def frame(self) -> str:
        """The frame in a message."""
        return self.name if self.page == 0 else f"page {self.page} of {self.name}"


class Writer(ABC):
    """Takes results one by one."""

    @abstractmethod
    def add(self, result: Result) -> None:
        """A frame that was answered."""

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:  # noqa: B027 (some have no place for it)
        """A frame that could not be read."""

    def close(self) -> None:  # noqa: B027 (some write as results come)
        """Write what has not been written yet."""


class Writers(Writer):
    """Several at once."""

    def __init__(self, *writers: Writer) -> None:
        self._writers = writers

    def add(self, result: Result) -> None:
        """To each."""
        for writer in self._writers:
            writer.add(result)

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """To each."""
        for writer in self._writers:
            writer.add_fault(name, page, fault)

    def close(self) -> None:
        """Each."""
        for writer in self._writers:
            writer.close()
