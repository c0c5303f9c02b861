"""Pictures of the frames with the worst results: frame, true mask and prediction side by side."""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from export.evaluation.evaluate import FrameResult
from intensity import auto_range, to_intensity
from model.scoring.metrics import Counts, claimed_objects, detected_targets
from model.scoring.objects import EIGHT_CONNECTED

SIDE: Final = 400  # longer side of a panel, pixels
GAP: Final = 6
BOX_MARGIN: Final = 5  # gap between an object and its box, pixels of the panel
RIGHT, MISSED, FALSE = (0, 170, 80), (230, 30, 30), (255, 150, 0)
LEGEND: Final = (
    "Left: the frame. Middle: the true mask (green: detected, red: missed). Right: the prediction "
    "(green: claimed by a target, orange: false alarm)."
)


def worst_frames(results: list[FrameResult], number: int) -> list[FrameResult]:
    """The ``number`` worst frames: most missed targets and false objects, then lowest IoU. None is perfect."""
    flawed = [result for result in results if result.counts.intersection < result.counts.union]
    return sorted(flawed, key=lambda result: (-_wrong_objects(result.counts), _iou(result.counts)))[:number]


def describe_faults(counts: Counts) -> str:
    """The faults of a frame as text."""
    missed = counts.targets - counts.detected
    faults = [f"{missed} of {counts.targets} targets missed"] if missed else []
    if counts.false_objects:
        faults.append(f"{counts.false_objects} false objects ({counts.false_area} px)")
    return ", ".join([*faults, f"IoU {100 * _iou(counts):.1f} %"])


def draw_panels(counts: NDArray[np.generic], mask: NDArray[np.bool_], *predictions: NDArray[np.bool_]) -> bytes:
    """PNG with the panels of a frame: frame, true mask, each prediction. All arrays are ``[H, W]``.

    A target counts as detected if every prediction detects it.
    """
    by_all = np.logical_and.reduce([detected_targets(prediction, mask) for prediction in predictions])
    detected = np.concatenate([[False], by_all])
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
    drawn = (
        _gray(counts),
        _boxed(mask, np.asarray(detected[labels]), wrong=MISSED),
        *(_boxed(prediction, claimed_objects(prediction, mask), wrong=FALSE) for prediction in predictions),
    )
    width, height = drawn[0].size
    sheet = Image.new("RGB", (len(drawn) * width + (len(drawn) - 1) * GAP, height), "white")
    for index, panel in enumerate(drawn):
        sheet.paste(panel, (index * (width + GAP), 0))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _wrong_objects(counts: Counts) -> int:
    return counts.targets - counts.detected + counts.false_objects


def _iou(counts: Counts) -> float:
    return counts.intersection / counts.union


def _panel_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height."""
    height, width = shape
    scale = SIDE / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _gray(counts: NDArray[np.generic]) -> Image.Image:
    """The frame as intensities, mapped by the service's ``auto`` range."""
    finite = np.isfinite(counts.astype(np.float64)).any()
    intensities = to_intensity(counts, auto_range(counts)) if finite else np.zeros(counts.shape, np.float32)
    size = _panel_size(counts.shape)
    smooth = Image.Resampling.BOX if counts.shape[1] > size[0] else Image.Resampling.NEAREST
    return Image.fromarray(intensities.astype(np.uint8)).resize(size, smooth).convert("RGB")


def _boxed(mask: NDArray[np.bool_], right: NDArray[np.bool_], wrong: tuple[int, int, int]) -> Image.Image:
    """A mask in white on black with a box around each object. Resizing keeps every white pixel visible."""
    size = _panel_size(mask.shape)
    covered = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    panel = covered.point(lambda level: 255 if level else 0).convert("RGB")
    pen = ImageDraw.Draw(panel)
    scale = size[0] / mask.shape[1]
    labels, _ = ndimage.label(mask, EIGHT_CONNECTED)
    for index, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        is_right = bool(right[rows, columns][labels[rows, columns] == index][0])
        corners = (columns.start * scale, rows.start * scale, columns.stop * scale, rows.stop * scale)
        left, top, end, bottom = (round(corner) for corner in corners)
        box = (left - BOX_MARGIN, top - BOX_MARGIN, end + BOX_MARGIN, bottom + BOX_MARGIN)
        pen.rectangle(box, outline=RIGHT if is_right else wrong, width=2)
    return panel
