"""Masks that any tool has predicted: a folder of images, or a COCO file."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from export.evaluation.source import FrameAnswer, SourceError
from model.data.layouts import frame_files
from model.data.rasters import RasterError, read_mask
from rrcanet.masks.run_lengths import decode_run_lengths

JSON: Final = ".json"
MAX_NAMES: Final = 5  # names in a message
Side = Annotated[int, Field(ge=1, le=100_000)]


class Predictions(Protocol):
    """Predicted masks by the names of frames."""

    name: str

    def mask_of(self, frame: str, shape: tuple[int, int]) -> FrameAnswer:
        """The prediction for a frame of this shape ``[H, W]``.

        Raises:
            SourceError: it cannot be read.
        """


class MaskFolder:
    """A folder with one mask for each frame, named like the frame: ``NAME.png`` or ``NAME_pixels0.png``.

    Raises:
        SourceError: a frame has no mask, or more than one.
    """

    def __init__(self, folder: Path, frames: Collection[str]) -> None:
        self.name = str(folder)
        self._files = frame_files(folder)
        missing = [frame for frame in frames if frame not in self._files]
        if missing:
            raise SourceError(
                f"{folder}: {len(missing)} of {len(frames)} frames have no mask: {_named(missing)}; a frame without "
                "targets needs a black mask"
            )
        twice = [frame for frame in frames if len(self._files[frame]) > 1]
        if twice:
            raise SourceError(f"{folder}: frames have more than one mask: {_named(twice)}")

    def mask_of(self, frame: str, shape: tuple[int, int]) -> FrameAnswer:
        """The mask of a frame. A mask has no confidences."""
        try:
            mask = read_mask(self._files[frame][0])
        except RasterError as error:
            raise SourceError(str(error)) from error
        return FrameAnswer(mask, (), ())


class RunLengths(BaseModel):
    model_config = ConfigDict(frozen=True)

    size: tuple[Side, Side]
    counts: str | list[int]


class Entry(BaseModel):
    """One predicted target. Unknown fields are ignored: tools write fields of their own."""

    model_config = ConfigDict(frozen=True)

    image_id: int | str
    segmentation: RunLengths
    score: Annotated[float, Field(ge=0, le=1)] | None = None


class Image(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: int | str
    file_name: str


class Annotations(BaseModel):
    model_config = ConfigDict(frozen=True)

    images: list[Image]
    annotations: list[Entry]


class CocoFile:
    """A COCO file: a list of results, as ``rrcanet detect --format coco`` writes it, or images with annotations.

    Without images, ``image_id`` is the name of the frame, as a number if it is one. A frame without an entry has no
    targets. Every entry needs a ``segmentation`` of run lengths.

    Raises:
        SourceError: the file is none of these, or none of its entries belongs to a frame.
    """

    def __init__(self, file: Path, frames: Collection[str]) -> None:
        self.name = str(file)
        entries = _read(file)
        self._entries: dict[str, list[Entry]] = {frame: [] for frame in frames}
        known = {_image_id(frame): frame for frame in frames}
        for image_id, entry in entries:
            if (frame := known.get(image_id)) is not None:
                self._entries[frame].append(entry)
        if entries and not any(self._entries.values()):
            raise SourceError(
                f"{file}: no entry belongs to a frame of the data: it has {_named([str(one) for one, _ in entries])}, "
                f"the frames are {_named(list(frames))}"
            )

    def mask_of(self, frame: str, shape: tuple[int, int]) -> FrameAnswer:
        """All targets of a frame together. Each has its ``score`` as confidence."""
        mask, peaks, confidences = np.zeros(shape, np.bool_), [], []
        for entry in self._entries[frame]:
            own = self._pixels(entry, shape)
            mask |= own
            if entry.score is not None and own.any():
                y, x = np.unravel_index(int(np.argmax(own)), shape)
                peaks.append((int(x), int(y)))
                confidences.append(entry.score)
        return FrameAnswer(mask, tuple(peaks), tuple(confidences))

    def _pixels(self, entry: Entry, shape: tuple[int, int]) -> NDArray[np.bool_]:
        size = entry.segmentation.size
        if size != shape:
            raise SourceError(f"its segmentation is {size[0]}x{size[1]}, the frame is {shape[0]}x{shape[1]}")
        try:
            return decode_run_lengths(size, entry.segmentation.counts)
        except ValueError as error:
            raise SourceError(f"its segmentation cannot be read: {error}") from error


def open_predictions(path: Path, frames: Collection[str]) -> Predictions:
    """The predictions in a folder or a COCO file for these frames.

    Raises:
        SourceError: the folder or the file cannot be used.
    """
    if path.is_dir():
        return MaskFolder(path, frames)
    if path.is_file():
        return CocoFile(path, frames)
    raise SourceError(f"there is no folder or file {path}")


def is_predictions(path: Path) -> bool:
    """Whether the path is meant as predictions and not as a model file."""
    return path.is_dir() or path.suffix.lower() == JSON


def _read(file: Path) -> list[tuple[int | str, Entry]]:
    """Each entry with the id by which its frame is known: its name without suffix, as a number if it is one."""
    try:
        content = TypeAdapter(list[Entry] | Annotations).validate_json(file.read_bytes())
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError(
            f"{file} is no COCO file with segmentations of run lengths ({place}: {first['msg']}); "
            "boxes alone have no mask"
        ) from error
    if isinstance(content, list):
        return [(entry.image_id, entry) for entry in content]
    names = {image.id: _image_id(Path(image.file_name).stem) for image in content.images}
    return [(names[entry.image_id], entry) for entry in content.annotations if entry.image_id in names]


def _image_id(name: str) -> int | str:
    return int(name) if name.isdecimal() else name


def _named(names: list[str]) -> str:
    more = f" (and {len(names) - MAX_NAMES} more)" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
