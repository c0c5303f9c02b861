"""An auto-annotation function for CVAT, without nuclio: it marks the targets in the images of a task.

``cvat-cli … task auto-annotate TASK --function-module rrcanet.cvat -p url=str:http://127.0.0.1:8000``

https://docs.cvat.ai/docs/api_sdk/sdk/auto-annotation/
"""

import weakref
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from cvat_sdk import auto_annotation as cvat
from cvat_sdk.masks import encode_mask
from numpy.typing import NDArray
from PIL import Image

from rrcanet import Client, Detections, Detector, Target

LABEL_ID: Final = 0


def create(
    url: str | None = None, api_key: str | None = None, label: str = "target", shape: str = "rectangle"
) -> "TargetFunction":
    """The function for ``cvat-cli``; the parameters are those of its option ``-p``.

    Args:
        url: address of a server; without it the model runs in this process, which needs the extra cpu or gpu.
        api_key: if the server needs one.
        label: as the task names targets.
        shape: ``rectangle`` or ``mask``.

    Raises:
        ValueError: the shape is another one.
    """
    if url is None:
        return TargetFunction(Detector(), label, shape)
    client = Client(url, api_key)
    function = TargetFunction(client, label, shape)
    weakref.finalize(function, client.close)  # cvat-cli does not close functions
    return function


class TargetFunction:
    """Marks targets with rectangles or masks.

    Args:
        detector: a client of a server, or a model in this process.
        label: as the task names targets.
        shape: ``rectangle`` or ``mask``.

    Attributes:
        spec: the only label.
    """

    def __init__(self, detector: Client | Detector, label: str, shape: str) -> None:
        if shape not in ("rectangle", "mask"):
            raise ValueError(f"shape must be rectangle or mask, not {shape!r}")
        self._detector, self._with_masks = detector, shape == "mask"
        self.spec = cvat.DetectionFunctionSpec(labels=[cvat.label_spec(label, LABEL_ID, type=shape)])

    def detect(self, context: cvat.DetectionFunctionContext, image: Image.Image) -> Sequence[cvat.DetectionAnnotation]:
        """The shapes of one image.

        Raises:
            cvat_sdk.auto_annotation.BadFunctionError: polygons are asked for; targets of few pixels have none.
        """
        if self._with_masks and context.conv_mask_to_poly:
            raise cvat.BadFunctionError("targets of a few pixels have no polygons; leave --conv-mask-to-poly out")
        mask: Literal["png", "none"] = "png" if self._with_masks else "none"
        (found,) = self._detector.detect(image, mask=mask, min_confidence=context.conf_threshold or 0.0)
        return _masks(found) if self._with_masks else _rectangles(found)


def _rectangles(found: Detections) -> Sequence[cvat.DetectionAnnotation]:
    return [
        cvat.rectangle(LABEL_ID, [float(edge) for edge in target.xyxy], score=target.confidence) for target in found
    ]


def _masks(found: Detections) -> Sequence[cvat.DetectionAnnotation]:
    return [
        cvat.mask(LABEL_ID, _points(found, target, crop), score=target.confidence)
        for target, crop in zip(found, found.crops, strict=True)
    ]


def _points(found: Detections, target: Target, crop: NDArray[np.bool_]) -> list[float]:
    """CVAT's run lengths of the box of a target, and the box."""
    bitmap = np.zeros((found.height, found.width), np.bool_)
    left, top, right, bottom = target.xyxy
    bitmap[top:bottom, left:right] = crop
    points: list[float] = encode_mask(bitmap, target.xyxy)
    return points
