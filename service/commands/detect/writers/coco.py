"""``--format coco``: a list of COCO results."""

import json
from collections.abc import Iterable
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from rrcanet.masks.run_lengths import encode_run_lengths
from service.commands.detect.coco_images import CATEGORY, ImageId, ImageIds
from service.commands.detect.sources import Source, find_twins
from service.commands.detect.writers.result import Result, Writer
from service.detection.components import label_components
from service.detection.targets import Target


class CocoWriter(Writer):
    """Writes COCO's list of results. ``image_id`` is the frame's name without suffix, as a number if it is one.

    With tracks, a target also has ``track_id``, as TAO and other sets of tracks in COCO's form have it.

    Args:
        stream: the list is written to it when the writer is closed.
        ids: from an annotation file; if given, they are used instead of names.
    """

    def __init__(self, stream: TextIO, ids: ImageIds | None = None) -> None:
        self._stream, self._ids = stream, ids
        self._category = CATEGORY if ids is None else ids.category
        self._results: list[dict[str, Any]] = []
        self._frames: dict[ImageId, str] = {}

    def add(self, result: Result) -> None:
        """Add one entry for each target.

        Raises:
            ValueError: another frame of this run has the same id, or the annotation file has no image for this page.
        """
        image_id = _by_stem(result.stem) if self._ids is None else _by_image(result, self._ids)
        if image_id in self._frames:
            raise ValueError(f"{self._frames[image_id]} and {result.frame} would have the same image_id")
        self._frames[image_id] = result.frame
        mask = result.detection.found.mask
        labels, _ = label_components(mask)
        targets = result.detection.found.targets
        for target, track in zip(targets, result.tracks or (None,) * len(targets), strict=True):
            entry = {
                "image_id": image_id,
                "category_id": self._category,
                "bbox": list(target.bbox),
                "score": round(target.confidence, 4),
                "segmentation": {
                    "size": list(mask.shape),
                    "counts": encode_run_lengths(_own_pixels(labels, target)),
                },
            }
            self._results.append(entry if track is None else entry | {"track_id": track.id})

    def close(self) -> None:
        """Write the list."""
        json.dump(self._results, self._stream)
        self._stream.write("\n")


def refuse_common_ids(sources: Iterable[Source]) -> None:
    """Check that files have different ids without an annotation file; ``7.png`` and ``007.png`` have the same id.

    Raises:
        ValueError: two files have the same id.
    """
    if twins := find_twins(sources, lambda source: _by_stem(source.stem)):
        one, other = twins
        raise ValueError(f"{one.path} and {other.path} would have the same image_id, {_by_stem(one.stem)}")


def _by_stem(stem: str) -> ImageId:
    return int(stem) if stem.isdecimal() else stem


def _by_image(result: Result, ids: ImageIds) -> ImageId:
    if result.page:
        raise ValueError(f"{result.frame} has no image_id: an image of --coco-images is the first page of its file")
    return ids.images[result.name]


def _own_pixels(labels: NDArray[np.int32], target: Target) -> NDArray[np.bool_]:
    own: NDArray[np.bool_] = labels == labels[target.peak.y, target.peak.x]
    return own
