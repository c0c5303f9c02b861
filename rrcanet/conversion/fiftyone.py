"""``fiftyone.Detections`` (Voxel51)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rrcanet.detections import Detections, Target


def fiftyone_detections(found: "Detections", label: str) -> Any:
    """A label for a field of a FiftyOne sample.

    Raises:
        ModuleNotFoundError: ``fiftyone`` is not installed.
    """
    import fiftyone

    return fiftyone.Detections(detections=[fiftyone.Detection(**fields) for fields in fiftyone_fields(found, label)])


def fiftyone_fields(found: "Detections", label: str) -> list[dict[str, Any]]:
    """The fields of each ``fiftyone.Detection``.

    Boxes are left, top, width, height as shares of the frame. A mask has the size of its box. ``area`` and the measured
    signal are attributes of a detection.
    """
    crops = found.crops if found.has_mask else [None] * len(found)
    return [
        _fields(target, crop, (found.width, found.height), label) for target, crop in zip(found, crops, strict=True)
    ]


def _fields(target: "Target", crop: NDArray[np.bool_] | None, size: tuple[int, int], label: str) -> dict[str, Any]:
    left, top, right, bottom = target.xyxy
    fields: dict[str, Any] = {
        "label": label,
        "bounding_box": [left / size[0], top / size[1], (right - left) / size[0], (bottom - top) / size[1]],
        "confidence": target.confidence,
        "area": target.area,
        **{name: value for name, value in target.signal.items() if not math.isnan(value)},
    }
    if crop is not None:
        fields["mask"] = crop
    if target.track is not None and "id" in target.track:
        fields["index"] = target.track["id"]
    return fields
