"""Detections as columns: subsets, masks, pictures and the forms of other libraries."""

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
import supervision
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from rrcanet import Client, Detections
from rrcanet.conversion.fiftyone import fiftyone_fields
from rrcanet.errors import AnswerError
from service.simulation.scene import make_scene

COUNTS = make_scene(4, 64, 80).counts(14)
ENCODINGS = ("png", "rle", "probability")


@pytest.fixture(scope="module")
def asked(client: httpx.Client) -> dict[str, Detections]:
    """The same frame with each encoding of the mask, with a preview."""
    with Client(str(client.base_url)) as it:
        return {mask: it.detect(COUNTS, mask=mask, preview="png")[0] for mask in (*ENCODINGS, "none")}  # type: ignore[arg-type]


@pytest.fixture
def found(asked: dict[str, Detections]) -> Detections:
    return asked["png"]


def with_targets(*changes: dict[str, Any], **entry: Any) -> Detections:
    """Detections of targets of 2x2 pixels beside each other."""
    targets = [
        {
            "id": number,
            "confidence": 1 - number / 10,
            "centroid": {"x": 4.0 * number + 0.5, "y": 0.5},
            "bbox": {"x": 4 * number, "y": 0, "width": 2, "height": 2},
            "area": 4,
            "peak": {"x": 4 * number, "y": 0, "probability": 1.0},
        }
        | change
        for number, change in enumerate(changes)
    ]
    return Detections({"index": 3, "width": 40, "height": 10, "targets": targets} | entry)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_decodes_to_the_same_mask(asked: dict[str, Detections], encoding: str) -> None:
    one = asked[encoding]
    assert one.mask.dtype == np.bool_
    assert np.array_equal(one.mask, asked["png"].mask)
    assert one.mask.sum() == one.area.sum() > 0


def test_what_was_not_asked_for_is_named(asked: dict[str, Detections]) -> None:
    with pytest.raises(ValueError, match="mask='png'"):
        _ = asked["none"].mask
    with pytest.raises(ValueError, match="mask='probability'"):
        _ = asked["png"].probabilities
    assert with_targets({}).preview is None
    with pytest.raises(AnswerError, match="its mask is no PNG"):
        _ = with_targets({}, mask={"encoding": "png", "data": "AAAA"}).mask
    with pytest.raises(AnswerError, match="its mask cannot be decoded"):
        _ = with_targets({}, mask={"encoding": "rle", "counts": "1"}).mask


def test_probabilities_and_the_preview_are_arrays(asked: dict[str, Detections]) -> None:
    probabilities = asked["probability"].probabilities
    x, y = asked["probability"].peaks[0]
    assert probabilities.shape == COUNTS.shape
    assert probabilities[y, x] == pytest.approx(asked["probability"].peak_probability[0], abs=1e-4)
    preview = asked["png"].preview
    assert preview is not None
    assert (str(preview.dtype), preview.shape) == ("uint8", COUNTS.shape)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_subset_has_the_mask_of_its_targets(asked: dict[str, Detections], encoding: str) -> None:
    every = asked[encoding]
    some = every[1:]
    assert len(some) == len(every) - 1
    assert some.mask.sum() == some.area.sum()
    left, top, right, bottom = every[0].xyxy
    assert not some.mask[top:bottom, left:right].any()
    if encoding != "probability":
        again = Detections(json.loads(json.dumps(some.to_dict())))
        assert np.array_equal(again.mask, some.mask)
        assert again.confidence.tolist() == some.confidence.tolist()


def test_subsets_are_made_by_slices_positions_booleans_and_limits(found: Detections) -> None:
    assert [target.id for target in found[::-1]] == found.ids.tolist()[::-1]
    assert found[[0, 2]].ids.tolist() == [1, 3]
    assert found[found.confidence > found.confidence[1]].ids.tolist() == [1]
    assert found.filter(min_confidence=found.confidence[1]).ids.tolist() == [1, 2]
    assert found.filter(found.area == found.area[2], max_area=found.area[2]).ids.tolist() == [3]
    assert len(found.filter(min_area=10_000)) == 0
    with pytest.raises(ValueError, match="where must be 3 booleans"):
        found.filter([True])
    with pytest.raises(IndexError):
        found[99]


def test_the_signal_has_a_column_for_each_count() -> None:
    some = with_targets({"signal": {"peak": 900, "scr": 7.5}}, {}, {"signal": {"peak": 800, "scr": 2.5}})
    assert np.array_equal(some.signal["peak"], [900, np.nan, 800], equal_nan=True)
    assert some.filter(min_scr=3).ids.tolist() == [0]
    assert some[0].signal["scr"] == 7.5
    assert len(with_targets({}).filter(min_scr=3)) == 0


def test_nothing_found_has_empty_columns() -> None:
    nothing = with_targets()
    assert (nothing.xyxy.shape, nothing.centroids.shape, nothing.confidence.shape) == ((0, 4), (0, 2), (0,))
    assert list(nothing) == []
    assert nothing.to_coco() == []
    assert len(nothing.to_supervision()) == 0


def test_a_picture_covers_no_target(found: Detections) -> None:
    picture = np.asarray(found.draw(labels=()))
    assert found.preview is not None
    plain = np.repeat(found.preview[..., None], 3, axis=2)
    assert np.array_equal(picture[found.mask], plain[found.mask])
    assert not np.array_equal(picture, plain)
    assert found.draw(scale=4).size == (320, 256)


def test_a_picture_is_drawn_on_what_was_given(client: httpx.Client, tmp_path: Any) -> None:
    Image.fromarray(COUNTS).save(tmp_path / "frame.tif", save_all=True, append_images=[Image.fromarray(COUNTS[::-1])])
    np.save(tmp_path / "frame.npy", COUNTS)
    with Client(str(client.base_url)) as it:
        array, file, page, npy = it.detect([COUNTS, tmp_path / "frame.tif", tmp_path / "frame.npy"])
    pictures = [np.asarray(one.draw()) for one in (array, file, npy)]
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)
    assert np.array_equal(np.asarray(array.draw(tmp_path / "frame.tif")), pictures[0])
    assert page.draw().tobytes() == page.draw(COUNTS[::-1]).tobytes() != array.draw().tobytes()
    with pytest.raises(ValueError, match="there is no frame to draw on"):
        with_targets({}).draw()
    with pytest.raises(ValueError, match="pass it as an array"):
        array.draw(b"rows of a sensor")


def test_coco_reads_the_results(found: Detections) -> None:
    index = COCO()
    index.dataset = {"images": [{"id": 7, "width": 80, "height": 64}], "categories": [{"id": 1}], "annotations": []}
    index.createIndex()
    results = json.loads(json.dumps(found.to_coco(image_id=7)))
    read = index.loadRes(results)
    masks = [read.annToMask(one) for one in read.loadAnns(read.getAnnIds())]
    assert np.array_equal(np.any(masks, axis=0), found.mask)
    assert [int(mask.sum()) for mask in masks] == found.area.tolist()
    boxes = [one["bbox"] for one in results]
    assert np.array_equal(boxes, [coco_masks.toBbox(one["segmentation"]) for one in results])
    assert [one["score"] for one in results] == found.confidence.tolist()


def test_supervision_gets_boxes_masks_and_columns(found: Detections, asked: dict[str, Detections]) -> None:
    theirs: Any = found.to_supervision()  # its types allow too much
    assert supervision.Detections.merge([theirs]) == theirs
    assert len(theirs) == len(found)
    assert theirs.mask is not None
    assert np.array_equal(theirs.mask.any(axis=0), found.mask)
    assert theirs.mask.sum(axis=(1, 2)).tolist() == found.area.tolist()
    sure = theirs[theirs.confidence > np.float32(found.confidence[1])]
    assert np.array_equal(sure.xyxy, found.xyxy[:1])
    assert np.array_equal(sure.data["centroid"], found.centroids[:1])
    assert theirs.data["class_name"].tolist() == ["target"] * len(found)
    assert asked["none"].to_supervision().mask is None
    drawn = supervision.BoxAnnotator().annotate(np.zeros((64, 80, 3), np.uint8), theirs)
    assert drawn.any()


def test_tracks_are_the_ids_of_supervision() -> None:
    some = with_targets({"track": {"id": 12, "age": 3}}, {"track": None})
    assert some.track_ids is not None
    assert some.track_ids.tolist() == [12, -1] == np.asarray(some.to_supervision().tracker_id).tolist()
    assert [one.get("track_id") for one in some.to_coco()] == [12, None]
    assert with_targets({}).track_ids is None


def test_fiftyone_gets_relative_boxes_and_crops(found: Detections) -> None:
    fields = fiftyone_fields(found, "drone")
    first, (left, top, right, bottom) = fields[0], found[0].xyxy
    assert first.keys() == {"label", "bounding_box", "confidence", "mask", "area", *found.signal}
    assert first["label"] == "drone"
    assert np.allclose(np.multiply(first["bounding_box"], (80, 64, 80, 64)), (left, top, right - left, bottom - top))
    assert first["mask"].shape == (bottom - top, right - left)
    assert [one["mask"].sum() for one in fields] == found.area.tolist()


def test_a_frame_with_an_error_says_so() -> None:
    bad = Detections({"index": 2, "name": "a.png", "error": {"reason": "undecodable_frame", "detail": "it is empty"}})
    assert bad.error == ("undecodable_frame", "it is empty")
    assert len(bad) == 0
    assert "undecodable_frame" in repr(bad)
    assert "targets" not in bad.to_dict()


def test_a_picture_may_be_saved(found: Detections) -> None:
    buffer = io.BytesIO()
    found.draw(scale=2).save(buffer, "PNG")
    with Image.open(buffer) as picture:
        assert picture.size == (160, 128)
