"""Targets as Label Studio's predictions. Positions and sizes are percent of the image.

https://labelstud.io/guide/predictions
"""

import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.api.adapters.label_studio.label_config import BRUSH, Control
from service.api.adapters.label_studio.run_lengths import encode_mask
from service.detection.components import label_components
from service.detection.detector import Detection, Detector
from service.detection.targets import Target


def version_of(detector: Detector) -> str:
    """The name and version of a model, as Label Studio shows it."""
    card = detector.runtime.card
    return f"{card.name}@{card.version}"


def describe_prediction(
    detector: Detector, detection: Detection, controls: list[Control], label: str
) -> dict[str, Any]:
    """The prediction of one task: for every target a region of each control."""
    targets = detection.found.targets
    regions = [_region(detection, target, control, label) for control in controls for target in targets]
    score = max((target.confidence for target in targets), default=0.0)
    return {"model_version": version_of(detector), "score": round(score, 4), "result": regions}


def _region(detection: Detection, target: Target, control: Control, label: str) -> dict[str, Any]:
    kind = control.kind.lower()
    value = _brush(detection, target) if control.kind == BRUSH else _rectangle(detection, target)
    return {
        "id": uuid.uuid4().hex[:10],
        "from_name": control.name,
        "to_name": control.to_name,
        "type": kind,
        "original_width": detection.info.width,
        "original_height": detection.info.height,
        "image_rotation": 0,
        "score": round(target.confidence, 4),
        "value": {**value, kind: [control.label(label)]},
    }


def _rectangle(detection: Detection, target: Target) -> dict[str, Any]:
    width, height, box = detection.info.width, detection.info.height, target.bbox
    return {
        "x": 100 * box.x / width,
        "y": 100 * box.y / height,
        "width": 100 * box.width / width,
        "height": 100 * box.height / height,
        "rotation": 0,
    }


def _brush(detection: Detection, target: Target) -> dict[str, Any]:
    return {"format": "rle", "rle": encode_mask(_mask_of(detection, target))}


def _mask_of(detection: Detection, target: Target) -> NDArray[np.bool_]:
    """The pixels of one target: those that hang together with its peak."""
    alone = np.zeros_like(detection.found.mask)
    box = target.bbox
    window = np.s_[box.y : box.y + box.height, box.x : box.x + box.width]
    labels, _ = label_components(detection.found.mask[window])
    alone[window] = labels == labels[target.peak.y - box.y, target.peak.x - box.x]
    return alone
