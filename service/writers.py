"""Results of ``rrcanet detect`` as files, or on standard output."""

import csv
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from service.answer import MaskEncoding, describe_detection, describe_fault, describe_model
from service.detector import Detection, Detector
from service.errors import ServiceError
from service.masks import encode_png, encode_rle
from service.sources import Sources
from service.targets import EIGHT_CONNECTED, Target

COLUMNS: Final = (
    "name", "page", "id", "confidence", "centroid_x", "centroid_y", "x", "y", "width", "height", "area",
    "peak_x", "peak_y", "peak_probability",
)  # fmt: skip
CATEGORY: Final = 1


class Format(StrEnum):
    """What is written."""

    JSON = "json"
    CSV = "csv"
    COCO = "coco"
    PNG = "png"


FILES: Final = {Format.JSON: "targets.json", Format.CSV: "targets.csv", Format.COCO: "results.json"}


@dataclass(frozen=True, slots=True)
class Result:
    """One frame of one file: ``page`` counts from 0."""

    name: str
    page: int
    detection: Detection

    @property
    def stem(self) -> str:
        """Name without suffix; pages after the first carry their number."""
        stem = Path(self.name).stem
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

    def close(self) -> None:  # noqa: B027 (masks are written as they come)
        """Write what has not been written yet."""


class JsonWriter(Writer):
    """The service's own answer, without masks and times; every frame has its ``page`` too."""

    def __init__(self, stream: TextIO, model: dict[str, str]) -> None:
        self._stream, self._model = stream, model
        self._frames: list[dict[str, Any]] = []

    def add(self, result: Result) -> None:
        """One entry of ``frames``."""
        self._append(result.page, describe_detection(len(self._frames), result.detection, MaskEncoding.NONE))

    def add_fault(self, name: str, page: int, fault: ServiceError) -> None:
        """One entry of ``frames`` that carries ``error``."""
        self._append(page, describe_fault(len(self._frames), name, fault))

    def close(self) -> None:
        """The document."""
        json.dump({"model": self._model, "frames": self._frames}, self._stream, indent=1, ensure_ascii=False)
        self._stream.write("\n")

    def _append(self, page: int, entry: dict[str, Any]) -> None:
        self._frames.append({"index": entry["index"], "name": entry["name"], "page": page} | entry)


class CsvWriter(Writer):
    """A line a target, with a header (RFC 4180)."""

    def __init__(self, stream: TextIO) -> None:
        self._rows = csv.writer(stream)
        self._rows.writerow(COLUMNS)

    def add(self, result: Result) -> None:
        """The targets of a frame; none, no line."""
        for t in result.detection.found.targets:
            place = (f"{t.centroid.x:.3f}", f"{t.centroid.y:.3f}", *t.bbox, t.area)
            peak = (t.peak.x, t.peak.y, f"{t.peak.probability:.4f}")
            self._rows.writerow((result.name, result.page, t.id, f"{t.confidence:.4f}", *place, *peak))


class CocoWriter(Writer):
    """COCO's results list; ``image_id`` is the file's name without suffix, a number where it is one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._results: list[dict[str, Any]] = []
        self._frames: dict[int | str, str] = {}

    def add(self, result: Result) -> None:
        """One entry a target.

        Raises:
            ValueError: another frame of this run has the same name or number.
        """
        image_id: int | str = int(result.stem) if result.stem.isdecimal() else result.stem
        if image_id in self._frames:
            raise ValueError(f"{self._frames[image_id]} and {result.frame} would have the same image_id")
        self._frames[image_id] = result.frame
        mask = result.detection.found.mask
        labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
        for target in result.detection.found.targets:
            self._results.append(
                {
                    "image_id": image_id,
                    "category_id": CATEGORY,
                    "bbox": list(target.bbox),
                    "score": round(target.confidence, 4),
                    "segmentation": {"size": list(mask.shape), "counts": encode_rle(_own_pixels(labels, target))},
                }
            )

    def close(self) -> None:
        """The list."""
        json.dump(self._results, self._stream)
        self._stream.write("\n")


class PngWriter(Writer):
    """A mask a frame, 0 or 255, named as the frame."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self._folder, self._sources = folder, sources
        self._written: set[str] = set()

    def add(self, result: Result) -> None:
        """The mask.

        Raises:
            ValueError: another frame of this run has the same name, or a source is there.
        """
        if result.stem in self._written:
            raise ValueError(f"two frames would be written as {result.stem}.png")
        path = self._folder / f"{result.stem}.png"
        self._sources.refuse([path])
        self._written.add(result.stem)
        path.write_bytes(encode_png(result.detection.found.mask))


@contextmanager
def open_writer(
    form: Format, folder: Path | None, detector: Detector, frames: Collection[Path] = ()
) -> Iterator[Writer]:
    """Write into ``folder``, or to standard output; what was added is written when the block ends.

    Raises:
        ValueError: masks cannot go to standard output, or a result would overwrite one of ``frames``, the files read.
        OSError: the folder cannot be written.
    """
    if form is Format.PNG and folder is None:
        raise ValueError("--format png needs --out, a folder for the masks")
    sources = Sources(frames)
    if folder is not None:
        sources.refuse(_targets(form, folder, frames))
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        writer = _make_writer(form, folder, detector, sources, stack)
        yield writer
        writer.close()


def _targets(form: Format, folder: Path, frames: Iterable[Path]) -> list[Path]:
    """What is written, as far as it is known before the frames are read: further pages are not."""
    return [folder / f"{frame.stem}.png" for frame in frames] if form is Format.PNG else [folder / FILES[form]]


def _make_writer(form: Format, folder: Path | None, detector: Detector, sources: Sources, stack: ExitStack) -> Writer:
    if form is Format.PNG:
        assert folder is not None
        return PngWriter(folder, sources)
    stream = (
        sys.stdout
        if folder is None
        else stack.enter_context((folder / FILES[form]).open("w", newline="", encoding="utf-8"))
    )
    if form is Format.JSON:
        return JsonWriter(stream, describe_model(detector))
    return CsvWriter(stream) if form is Format.CSV else CocoWriter(stream)


def _own_pixels(labels: NDArray[np.int32], target: Target) -> NDArray[np.bool_]:
    own: NDArray[np.bool_] = labels == labels[target.peak.y, target.peak.x]
    return own
