"""Reads image ids from a COCO annotation file, so that results carry them and can be scored against the file."""

import codecs
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, StrictInt, StrictStr, ValidationError

from service.commands.detect.sources import Source, find_twins

CATEGORY: Final = 1
ImageId = int | str


@dataclass(frozen=True, slots=True)
class ImageIds:
    """What results take from an annotation file: image ids by the names of frames, and the category id of targets."""

    images: Mapping[str, ImageId]
    category: int


@dataclass(frozen=True, slots=True)
class CocoImages:
    """The contents of an annotation file.

    Attributes:
        path: of the file.
        ids: ids of its images, by the parts of their ``file_name``.
        category: the id of its category if it has exactly one, else 1.
    """

    path: Path
    ids: Mapping[tuple[str, ...], ImageId]
    category: int

    def ids_of(self, sources: Collection[Source]) -> ImageIds:
        """The ids for the results of these files.

        Raises:
            ValueError: a file matches no image, or two files match the same image.
        """
        ids = {source.name: self._find(source.path) for source in sources}
        if twins := find_twins(sources, lambda source: ids[source.name]):
            one, other = twins
            raise ValueError(f"{one.path} and {other.path} are both image {ids[one.name]} of {self.path}")
        return ImageIds(ids, self.category)

    def _find(self, path: Path) -> ImageId:
        """The id of the image whose ``file_name`` is the end of ``path``; if several are, the longest one counts."""
        parts = Path(os.path.abspath(path)).parts
        ends = (parts[start:] for start in range(len(parts)))
        try:
            return next(self.ids[end] for end in ends if end in self.ids)
        except StopIteration:
            like = next(("/".join(name) for name in self.ids), "none")
            raise ValueError(f"{path} matches no file_name in {self.path} (the first one is {like})") from None


class _Image(BaseModel):
    id: StrictInt | StrictStr
    file_name: str


class _Category(BaseModel):
    id: StrictInt


class _Annotations(BaseModel):
    images: list[_Image]
    categories: list[_Category] = []


def read_coco_images(path: Path) -> CocoImages:
    """Read the images of an annotation file.

    Raises:
        ValueError: the file has another format, or two of its images have the same ``file_name``.
        OSError: the file cannot be read.
    """
    try:
        annotations = _Annotations.model_validate_json(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        fault = f"{place}: {first['msg']}" if place else first["msg"]
        raise ValueError(f"{path} is not a COCO annotation file: {fault}") from error
    ids: dict[tuple[str, ...], ImageId] = {}
    for image in annotations.images:
        twin = ids.setdefault(PurePosixPath(image.file_name).parts, image.id)
        if twin != image.id:
            raise ValueError(f"images {twin} and {image.id} of {path} have the same file_name, {image.file_name}")
    categories = [category.id for category in annotations.categories]
    return CocoImages(path, ids, categories[0] if len(categories) == 1 else CATEGORY)
