"""Describes detections as JSON, and encodes masks and previews: PNG, COCO run lengths, probabilities as a 16-bit PNG.

The API and ``rrcanet detect`` both write what is described here.
"""

import base64
import io
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rrcanet.masks.run_lengths import encode_run_lengths
from service.detection.detector import Detection, Detector, Prepared
from service.detection.gray_png import encode_gray
from service.detection.targets import Signal, Target
from service.errors import ServiceError

PNG_EFFORT: Final = 1  # previews are noise: a higher level costs time and saves little

# significant digits: counts of 32 bits are exact
DIGITS: Final = {"peak": 10, "mean": 10, "background": 10, "noise": 5, "scr": 5, "temperature_c": 6}


class MaskEncoding(StrEnum):
    """How an answer carries the mask."""

    NONE = "none"
    PNG = "png"
    RLE = "rle"
    PROBABILITY = "probability"


class PreviewEncoding(StrEnum):
    """How an answer carries what the network saw."""

    NONE = "none"
    PNG = "png"


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
    page = {} if info.page is None else {"page": info.page}
    entry: dict[str, Any] = {
        "index": index,
        "name": info.name,
        **page,
        "width": info.width,
        "height": info.height,
        "input": read,
        "targets": [describe_target(target) for target in detection.found.targets],
    }
    if detection.found.truncated:
        entry["truncated"] = True
    if info.warnings:
        entry["warnings"] = list(info.warnings)
    if mask is not MaskEncoding.NONE:
        entry["mask"] = _describe_mask(detection, mask)
    return entry


def describe_preview(prepared: Prepared) -> dict[str, str]:
    """The frame as the network saw it: after range and polarity, rounded to 8 bits, of the frame's size."""
    from PIL import Image  # few requests ask for it

    preview = io.BytesIO()
    Image.fromarray(np.rint(prepared.intensities()).astype(np.uint8)).save(preview, "PNG", compress_level=PNG_EFFORT)
    return {"encoding": PreviewEncoding.PNG.value, "data": base64.b64encode(preview.getvalue()).decode()}


def describe_fault(index: int, name: str | None, fault: ServiceError) -> dict[str, Any]:
    """The entry of a frame that could not be read."""
    return {"index": index, "name": name, "error": {"reason": fault.reason.value, "detail": fault.detail}}


def describe_target(target: Target) -> dict[str, Any]:
    """One target; the JSON fields are named like the attributes."""
    described = {
        "id": target.id,
        "confidence": round(target.confidence, 4),
        "centroid": {axis: round(value, 3) for axis, value in target.centroid._asdict().items()},
        "bbox": target.bbox._asdict(),
        "area": target.area,
        "peak": {**target.peak._asdict(), "probability": round(target.peak.probability, 4)},
    }
    if target.signal is not None:
        described["signal"] = describe_signal(target.signal)
    return described


def describe_signal(signal: Signal) -> dict[str, float | None]:
    """The JSON fields are named like the attributes; without radiometry there is no ``temperature_c``."""
    described = {name: _rounded(value, DIGITS[name]) for name, value in signal._asdict().items()}
    if signal.temperature_c is None:
        del described["temperature_c"]
    return described


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else float(f"{value:.{digits}g}")


def _describe_mask(detection: Detection, encoding: MaskEncoding) -> dict[str, Any]:
    mask = detection.found.mask
    if encoding is MaskEncoding.RLE:
        return {"encoding": "rle", "size": list(mask.shape), "counts": encode_run_lengths(mask)}
    data = encode_png(mask) if encoding is MaskEncoding.PNG else encode_probability(detection.probabilities)
    return {"encoding": encoding.value, "data": base64.b64encode(data).decode()}


def encode_png(mask: NDArray[np.bool_]) -> bytes:
    """Encode ``mask [H, W]`` as 8-bit gray PNG: 0 or 255."""
    return encode_gray(mask * np.uint8(255))


def encode_probability(probabilities: NDArray[np.float32]) -> bytes:
    """Encode ``probabilities [H, W]`` as 16-bit gray PNG: 65535 is probability 1."""
    return encode_gray(np.rint(probabilities * 65535).astype(np.uint16))
