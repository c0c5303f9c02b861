"""The function for CVAT, loaded by ``cvat-cli`` and checked by the driver of ``cvat-sdk``, as for a task.

No CVAT server runs here: the task's images and labels, and what would be uploaded, are the test's.
"""

import logging
from types import SimpleNamespace
from typing import Any

import cvat_sdk.auto_annotation.driver
import httpx
import numpy as np
import pytest
from cvat_cli._internal.common import FunctionLoader
from cvat_sdk import models
from cvat_sdk.auto_annotation import BadFunctionError, annotate_task
from cvat_sdk.masks import decode_mask
from PIL import Image

from service.simulation.scene import make_scene
from tests.support.frames import npy

SCENES = [make_scene(seed, 96, 128) for seed in (1, 2)]
PICTURES = [Image.fromarray(scene.counts(8).astype(np.uint8)).convert("RGB") for scene in SCENES]
TASK_LABEL = 501


class Task:
    """A task of CVAT with two images."""

    def __init__(self, kind: str, name: str = "target") -> None:
        label = models.Label(id=TASK_LABEL, name=name, attributes=[], sublabels=[], type=kind)
        self.labels = [label]
        self.samples = [
            SimpleNamespace(
                frame_name=f"{index}.png", frame_index=index, media=SimpleNamespace(load_image=lambda p=picture: p)
            )
            for index, picture in enumerate(PICTURES)
        ]


def annotate(
    monkeypatch: pytest.MonkeyPatch, task: Task, parameters: dict[str, str], **options: Any
) -> list[models.LabeledShapeRequest]:
    """The shapes that would be uploaded."""
    uploaded: list[models.LabeledShapeRequest] = []

    def upload(_: str, __: int, patched_labeled_data_request: Any) -> None:
        uploaded.extend(patched_labeled_data_request.shapes)

    client: Any = SimpleNamespace(
        logger=logging.getLogger("cvat"),
        tasks=SimpleNamespace(api=SimpleNamespace(partial_update_annotations=upload)),
    )
    monkeypatch.setattr(cvat_sdk.auto_annotation.driver, "TaskDataset", lambda *_, **__: task)
    function: Any = FunctionLoader("rrcanet.cvat", None, parameters).load()
    annotate_task(client, 137, function, **options)
    return uploaded


def targets_of(client: httpx.Client, query: str = "?mask=none") -> list[list[dict[str, Any]]]:
    """What the server finds in each picture."""
    counts = [scene.counts(8).astype(np.uint8) for scene in SCENES]
    files = [("image", (f"{index}.npy", npy(one))) for index, one in enumerate(counts)]
    frames = client.post(f"/v1/detect{query}", files=files).json()["frames"]
    return [frame["targets"] for frame in frames]


def test_rectangles_are_the_boxes_of_the_targets(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = annotate(monkeypatch, Task("rectangle"), {"url": str(client.base_url)})
    expected = [
        (index, [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]], target["confidence"])
        for index, targets in enumerate(targets_of(client))
        for target in targets
        for box in [target["bbox"]]
    ]
    assert expected
    assert [(shape.frame, shape.points) for shape in shapes] == [(frame, box) for frame, box, _ in expected]
    assert [shape.score for shape in shapes] == pytest.approx([score for *_, score in expected], abs=1e-3)
    assert {(shape.type.value, shape.label_id, shape.source) for shape in shapes} == {("rectangle", TASK_LABEL, "auto")}


def test_masks_are_the_pixels_of_the_targets(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = annotate(
        monkeypatch, Task("mask", "drone"), {"url": str(client.base_url), "label": "drone", "shape": "mask"}
    )
    targets = [target for of_frame in targets_of(client) for target in of_frame]
    assert len(shapes) == len(targets) > 0
    for shape, target in zip(shapes, targets, strict=True):
        mask = decode_mask(shape.points, image_width=128, image_height=96)
        assert mask.sum() == target["area"]
        assert mask[target["peak"]["y"], target["peak"]["x"]]


def test_the_threshold_of_confidence_holds_and_no_server_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = annotate(monkeypatch, Task("any"), {})
    limit = sorted(shape.score for shape in everything)[-2]
    kept = annotate(monkeypatch, Task("any"), {}, conf_threshold=limit)
    assert sorted(shape.score for shape in kept) == sorted(shape.score for shape in everything)[-2:]


def test_what_cannot_be_drawn_is_refused(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url = str(client.base_url)
    with pytest.raises(BadFunctionError, match="no polygons"):
        annotate(monkeypatch, Task("any"), {"url": url, "shape": "mask"}, conv_mask_to_poly=True)
    with pytest.raises(ValueError, match="rectangle or mask"):
        annotate(monkeypatch, Task("any"), {"url": url, "shape": "circle"})
    with pytest.raises(BadFunctionError, match="not in dataset"):
        annotate(monkeypatch, Task("any", "bird"), {"url": url})
