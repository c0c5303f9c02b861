"""Results of ``rrcanet detect --format coco`` against an annotation file."""

import codecs
import json
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.service.commands.detect.detecting import BOXES, SCENE, Detect
from tests.support import frames as files

SEQUENCES = {"seq1/0001.png": 1201, "seq2/0001.png": 1202}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sequences in ``images`` that number their frames alike."""
    for name in SEQUENCES:
        (tmp_path / "images" / name).parent.mkdir(parents=True)
        (tmp_path / "images" / name).write_bytes(files.png(SCENE))
    return tmp_path


def annotate(data: Path, images: dict[str, Any], **others: Any) -> Path:
    path = data / "annotations.json"
    entries = [{"id": image_id, "file_name": name} for name, image_id in images.items()]
    path.write_text(json.dumps({"images": entries, **others}))
    return path


def image_ids(text: str) -> list[int | str]:
    return list(dict.fromkeys(entry["image_id"] for entry in json.loads(text)))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_results_are_scored_by_pycocotools(detect: Detect, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = [
        {"id": 10 * image_id + number, "image_id": image_id, "category_id": 3, "bbox": list(box.values()), "iscrowd": 0}
        | {"area": box["width"] * box["height"]}
        for image_id in SEQUENCES.values()
        for number, box in enumerate(BOXES)
    ]
    truth = annotate(data, SEQUENCES, categories=[{"id": 3, "name": "target"}], annotations=objects)
    out = data / "out"
    ended = detect("-r", data / "images", "--format", "coco", "--coco-images", truth, "--out", out)
    assert (ended.exit_code, ended.stderr) == (0, "")
    annotations = COCO(str(truth))
    score = COCOeval(annotations, annotations.loadRes(str(out / "results.json")), "bbox")
    score.evaluate()
    score.accumulate()
    score.summarize()
    assert score.stats[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (SEQUENCES, [1201, 1202]),
        ({"images/seq1/0001.png": 0, "./seq2/0001.png": "b", "0001.png": 9}, [0, "b"]),
        ({"seq1/0001.png": 5, "0001.png": 7, "2/0001.png": 8}, [5, 7]),
    ],
)
def test_an_image_is_found_by_the_longest_end_of_its_path(
    detect: Detect, data: Path, images: dict[str, Any], expected: list[int | str]
) -> None:
    options = ("--format", "coco", "--coco-images", annotate(data, images))
    assert image_ids(detect("-r", data / "images", *options).stdout) == expected
    sequences = [data / "images" / name for name in ("seq1", "seq2")]
    assert image_ids(detect(*sequences, *options).stdout) == expected, "however folders are given"


def test_a_file_of_several_categories_leaves_it_at_the_first(detect: Detect, data: Path) -> None:
    truth = annotate(data, SEQUENCES, categories=[{"id": 3}, {"id": 4}])
    entries = json.loads(detect("-r", data, "--format", "coco", "--coco-images", truth).stdout)
    assert {entry["category_id"] for entry in entries} == {1}


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ({"seq1/0001.png": 1}, "seq2/0001.png matches no file_name in"),
        ({"train/0001.png": 1}, "(the first one is train/0001.png)"),
        ({}, "(the first one is none)"),
        ({"0001.png": 7}, "are both image 7 of"),
        ({"seq1/0001.png": 1, "./seq1/0001.png": 2}, "images 1 and 2 of"),
        ({"seq1/0001.png": True}, "is not a COCO annotation file: images.0.id"),
    ],
)
def test_images_that_do_not_fit_are_told_before_any_work(
    detect: Detect, data: Path, images: dict[str, Any], told: str
) -> None:
    truth = annotate(data, images)
    ended = detect("-r", data / "images", "--format", "coco", "--coco-images", truth, "--out", data / "out")
    assert ended.exit_code == 1
    assert told in ended.stderr
    assert str(truth) in ended.stderr
    assert not (data / "out").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [("{", "Invalid JSON"), ("[]", "is not a COCO annotation file"), ('{"annotations": []}', "images: Field required")],
)
def test_what_is_no_annotation_file_is_told(detect: Detect, data: Path, content: str, told: str) -> None:
    (data / "annotations.json").write_text(content)
    ended = detect("-r", data, "--format", "coco", "--coco-images", data / "annotations.json")
    assert ended.exit_code == 1
    assert f"{data / 'annotations.json'} is not a COCO annotation file" in ended.stderr
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_byte_order_mark_is_no_fault(detect: Detect, data: Path) -> None:
    truth = annotate(data, {name: number for number, name in enumerate(SEQUENCES, 1)})
    truth.write_bytes(codecs.BOM_UTF8 + truth.read_bytes())
    ended = detect("-r", data / "images", "--format", "coco", "--coco-images", truth)
    assert ended.exit_code == 0, ended.stderr


def test_a_later_page_is_no_image(detect: Detect, data: Path) -> None:
    (data / "flight.tif").write_bytes(files.tiff(SCENE, SCENE))
    options = ("--format", "coco", "--coco-images", annotate(data, {"flight.tif": 4}))
    ended = detect(data / "flight.tif", *options)
    assert ended.exit_code == 1
    assert "page 1 of flight.tif has no image_id" in ended.stderr
    assert image_ids(ended.stdout) == [4]


def test_the_annotations_are_not_overwritten(detect: Detect, data: Path) -> None:
    truth = annotate(data, SEQUENCES).rename(data / "results.json")
    before = truth.read_text()
    ended = detect("-r", data, "--format", "coco", "--coco-images", truth, "--out", data)
    assert ended.exit_code == 1
    assert f"would overwrite {truth}" in ended.stderr
    assert truth.read_text() == before


def test_ids_for_another_format_are_a_usage_error(detect: Detect, data: Path) -> None:
    ended = detect("-r", data, "--coco-images", annotate(data, SEQUENCES))
    assert ended.exit_code == 2
    assert "--coco-images needs --format coco" in ended.stderr
