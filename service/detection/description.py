"""Describes detections as JSON; the API and ``rrcanet detect`` both write it."""

import base64
from enum import StrEnum
from typing import Any

from service.detection.detector import Detection, Detector
from service.detection.masks import encode_png, encode_probability, encode_rle
from service.detection.targets import Target
from service.errors import ServiceError


class MaskEncoding(StrEnum):
    """How an answer carries the mask."""

    NONE = "none"
    PNG = "png"
    RLE = "rle"
    PROBABILITY = "probability"


def describe_model(detector: Detector) -> dict[str, str]:
    """Name, version and hash of the model that answered."""
    card = detector.runtime.card
    return {"name": card.name, "version": card.version, "sha256": detector.runtime.sha256}


def describe_detection(index: int, detection: Detection, mask: MaskEncoding) -> dict[str, Any]:
    """The entry of one frame in ``frames``; docs/reference/http.md describes its fields and their units."""
    info = detection.info
    read: dict[str, Any] = {"dtype": info.dtype, "range": list(detection.span)}
    if info.invalid_pixels:
        read["invalid_pixels"] = info.invalid_pixels
    entry: dict[str, Any] = {
        "index": index,
        "name": info.name,
        "width": info.width,
        "height": info.height,
        "input": read,
        "targets": [describe_target(target) for target in detection.found.targets],
    }
    if detection.found.truncated:
        entry["truncated"] = True
    if mask is not MaskEncoding.NONE:
        entry["mask"] = _describe_mask(detection, mask)
    return entry


def describe_fault(index: int, name: str | None, fault: ServiceError) -> dict[str, Any]:
    """The entry of a frame that could not be read."""
    return {"index": index, "name": name, "error": {"reason": fault.reason.value, "detail": fault.detail}}


def describe_target(target: Target) -> dict[str, Any]:
    """One target; the JSON fields are named like the attributes."""
    return {
        "id": target.id,
        "confidence": round(target.confidence, 4),
        "centroid": {axis: round(value, 3) for axis, value in target.centroid._asdict().items()},
        "bbox": target.bbox._asdict(),
        "area": target.area,
        "peak": {**target.peak._asdict(), "probability": round(target.peak.probability, 4)},
    }


def _describe_mask(detection: Detection, encoding: MaskEncoding) -> dict[str, Any]:
    mask = detection.found.mask
    if encoding is MaskEncoding.RLE:
        return {"encoding": "rle", "size": list(mask.shape), "counts": encode_rle(mask)}
    data = encode_png(mask) if encoding is MaskEncoding.PNG else encode_probability(detection.probabilities)
    return {"encoding": encoding.value, "data": base64.b64encode(data).decode()}
