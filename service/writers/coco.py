"""``--format coco``."""

import json
from typing import Any, Final, TextIO

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from service.masks import encode_rle
from service.targets import EIGHT_CONNECTED, Target
from service.writers.result import Result, Writer

CATEGORY: Final = 1


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


def _own_pixels(labels: NDArray[np.int32], target: Target) -> NDArray[np.bool_]:
    own: NDArray[np.bool_] = labels == labels[target.peak.y, target.peak.x]
    return own
