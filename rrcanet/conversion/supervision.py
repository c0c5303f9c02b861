"""``supervision.Detections`` (Roboflow)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import supervision

    from rrcanet.detections import Detections


def supervision_detections(found: "Detections") -> "supervision.Detections":
    """Boxes in whole pixels, half-open; confidence; class 0, ``target``; masks if the answer has one.

    ``data`` also has ``centroid [N, 2]``, ``area [N]`` and a column for each measured signal.

    Raises:
        ModuleNotFoundError: ``supervision`` is not installed.
    """
    import supervision

    return supervision.Detections(
        xyxy=found.xyxy.astype(np.float32),
        mask=_masks(found) if found.has_mask else None,
        confidence=found.confidence.astype(np.float32),
        class_id=np.zeros(len(found), np.int64),
        tracker_id=found.track_ids,
        data={
            "class_name": np.full(len(found), "target"),
            "centroid": found.centroids,
            "area": found.area,
            **found.signal,
        },
    )


def _masks(found: "Detections") -> NDArray[np.bool_]:
    """``[N, H, W]``."""
    masks = np.zeros((len(found), found.height, found.width), np.bool_)
    for mask, (left, top, right, bottom), crop in zip(masks, found.xyxy.tolist(), found.crops, strict=True):
        mask[top:bottom, left:right] = crop
    return masks
