"""COCO's list of results."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rrcanet.masks.run_lengths import encode_run_lengths

if TYPE_CHECKING:
    from rrcanet.detections import Detections


def coco_results(found: "Detections", image_id: int | str, category_id: int) -> list[dict[str, Any]]:
    """One entry for each target: box as x, y, width, height; with a segmentation if the answer has a mask.

    A target with a track has its ``track_id``.
    """
    crops = found.crops if found.has_mask else [None] * len(found)
    return [
        _result(found, target.xyxy, target, crop, image_id, category_id)
        for target, crop in zip(found, crops, strict=True)
    ]


def _result(
    found: "Detections",
    box: tuple[int, int, int, int],
    target: Any,
    crop: NDArray[np.bool_] | None,
    image_id: int | str,
    category_id: int,
) -> dict[str, Any]:
    left, top, right, bottom = box
    result: dict[str, Any] = {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [left, top, right - left, bottom - top],
        "score": target.confidence,
        "area": target.area,
    }
    if target.track is not None and "id" in target.track:
        result["track_id"] = target.track["id"]
    if crop is not None:
        mask = np.zeros((found.height, found.width), np.bool_)
        mask[top:bottom, left:right] = crop
        result["segmentation"] = {"size": list(mask.shape), "counts": encode_run_lengths(mask)}
    return result
