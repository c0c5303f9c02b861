"""Results as files, read back with the tools that users read them with."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from intensity import Range
from service.commands.detect.writers import Format, Result, open_writer
from service.detection.detector import Detection, Detector
from service.detection.targets import Scene, Selection, find_targets
from service.frames import Frame, undecodable
from service.runtime.card import Calibration

PROBABILITIES = np.zeros((6, 9), np.float32)
PROBABILITIES[1, 1:3] = 0.6, 0.9
PROBABILITIES[4, 5] = 0.8
AROUND = {"background": 104.0784314, "noise": 3.9992}  # 25 pixels of 100 and 26 of 108
EMPTY = np.zeros((2, 3), np.float32)


def result(name: str, page: int, probabilities: NDArray[np.float32] = PROBABILITIES) -> Result:
    counts = 100 + np.rint(100 * probabilities)
    counts[::2] += 8
    scene = Scene(counts, celsius=lambda peaks: peaks / 8)
    found = find_targets(probabilities, Calibration(), Selection(0.5, 0.0, 1, 10), scene)
    frame = Frame(np.zeros(probabilities.shape, np.uint8), "uint8", name)
    return Result(name, page, Detection(frame.info, Range(0, 255), found, probabilities))


def write(form: Format, folder: Path | None, detector: Detector, *results: Result) -> None:
    with open_writer(form, folder, detector) as writer:
        for one in results:
            writer.add(one)
        writer.add_fault("bad.tif", 2, undecodable("it is damaged"))


def test_json_is_the_services_answer_without_masks(tmp_path: Path, brightness: Detector) -> None:
    write(Format.JSON, tmp_path / "new" / "out", brightness, result("ä.tif", 4), result("b.png", 0, EMPTY))
    answer = json.loads((tmp_path / "new" / "out" / "targets.json").read_text(encoding="utf-8"))
    assert answer["model"] == {"name": "small", "version": "1", "sha256": brightness.runtime.sha256}
    first, second, bad = answer["frames"]
    assert first == {
        "index": 0,
        "name": "ä.tif",
        "page": 4,
        "width": 9,
        "height": 6,
        "input": {"dtype": "uint8", "range": [0, 255]},
        "targets": [
            {
                "id": 1,
                "confidence": 0.8,
                "centroid": {"x": 5.0, "y": 4.0},
                "bbox": {"x": 5, "y": 4, "width": 1, "height": 1},
                "area": 1,
                "peak": {"x": 5, "y": 4, "probability": 0.8},
                "signal": AROUND | {"peak": 188, "mean": 188, "scr": 20.984, "temperature_c": 23.5},
            },
            {
                "id": 2,
                "confidence": 0.75,
                "centroid": {"x": 1.6, "y": 1.0},
                "bbox": {"x": 1, "y": 1, "width": 2, "height": 1},
                "area": 2,
                "peak": {"x": 2, "y": 1, "probability": 0.9},
                "signal": AROUND | {"peak": 190, "mean": 175, "scr": 17.734, "temperature_c": 23.75},
            },
        ],
    }
    assert second["targets"] == []
    assert bad == {
        "index": 2,
        "name": "bad.tif",
        "page": 2,
        "error": {"reason": "undecodable_frame", "detail": "it is damaged"},
    }


def test_csv_has_a_line_a_target(tmp_path: Path, brightness: Detector) -> None:
    write(Format.CSV, tmp_path, brightness, result('a "1",2.tif', 3), result("b.png", 0, EMPTY))
    with (tmp_path / "targets.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["page"], row["id"]) for row in rows] == [('a "1",2.tif', "3", n) for n in "12"]
    numbers = {name: float(value) for name, value in rows[1].items() if name != "name"}
    assert numbers == {
        "page": 3, "id": 2, "confidence": 0.75, "centroid_x": 1.6, "centroid_y": 1, "x": 1, "y": 1, "width": 2,
        "height": 1, "area": 2, "peak_x": 2, "peak_y": 1, "peak_probability": 0.9,
        "signal_peak": 190, "signal_mean": 175, "signal_background": AROUND["background"],
        "signal_noise": AROUND["noise"], "signal_scr": 17.734, "signal_temperature_c": 23.75,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_coco_results_load_into_pycocotools(tmp_path: Path, brightness: Detector) -> None:
    pages = [result("000000397133.jpg", 0), result("flight.tif", 0), result("flight.tif", 1), result("e.png", 0, EMPTY)]
    write(Format.COCO, tmp_path, brightness, *pages)
    dataset = COCO()
    ids: list[int | str] = [397133, "flight", "flight_0001", "e"]
    dataset.dataset = {"images": [{"id": one} for one in ids], "categories": [{"id": 1}], "annotations": []}
    dataset.createIndex()
    loaded = dataset.loadRes(str(tmp_path / "results.json"))
    for one in ids[:3]:
        surest, other = loaded.loadAnns(loaded.getAnnIds([one]))
        assert (surest["bbox"], surest["score"]) == ([5, 4, 1, 1], 0.8)
        assert (other["bbox"], other["score"]) == ([1, 1, 2, 1], 0.75)
        masks = [coco_mask.decode(entry["segmentation"]).astype(bool) for entry in (surest, other)]
        assert [mask.sum() for mask in masks] == [1, 2]
        np.testing.assert_array_equal(masks[0] | masks[1], PROBABILITIES > 0.5)
    assert loaded.getAnnIds(["e"]) == []


def test_png_writes_a_mask_a_page_named_as_the_frame(tmp_path: Path, brightness: Detector) -> None:
    write(Format.PNG, tmp_path, brightness, result("a.b.tif", 0), result("a.b.tif", 12), result("c.png", 0, EMPTY))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.b.png", "a.b_0012.png", "c.png"]
    np.testing.assert_array_equal(Image.open(tmp_path / "a.b_0012.png"), np.where(PROBABILITIES > 0.5, 255, 0))
    assert not np.asarray(Image.open(tmp_path / "c.png")).any()


def test_masks_cannot_go_to_standard_output(brightness: Detector) -> None:
    with pytest.raises(ValueError, match="--format png needs --out"), open_writer(Format.PNG, None, brightness):
        pass


@pytest.mark.parametrize(("form", "begins"), [(Format.JSON, "{"), (Format.CSV, "name,page,id,"), (Format.COCO, "[")])
def test_without_a_folder_results_go_to_standard_output(
    form: Format, begins: str, brightness: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    write(form, None, brightness, result("a.png", 0))
    out = capsys.readouterr().out
    assert out.startswith(begins)
    assert out.endswith("\n")


def test_no_mask_overwrites_another_of_the_same_run(tmp_path: Path, brightness: Detector) -> None:
    with pytest.raises(ValueError, match="a_0001"):
        write(Format.PNG, tmp_path, brightness, result("a.tif", 1), result("a_0001.png", 0))


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (("7.png", 0), ("007.png", 0), "7.png and 007.png"),
        (("flight.tif", 1), ("flight_0001.png", 0), "page 1 of flight.tif and flight_0001.png"),
        (("flight_0001.png", 0), ("flight.tif", 1), "flight_0001.png and page 1 of flight.tif"),
    ],
)
def test_two_frames_of_one_image_id_are_refused(
    tmp_path: Path, brightness: Detector, first: tuple[str, int], second: tuple[str, int], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        write(Format.COCO, tmp_path, brightness, result(*first), result(*second))


def test_a_value_of_a_signal_that_is_not_defined_is_an_empty_cell(tmp_path: Path, brightness: Detector) -> None:
    found = find_targets(np.ones((1, 1), np.float32), Calibration(), Selection(0.5, 0.0, 1, 1), Scene(np.ones((1, 1))))
    frame = Frame(np.ones((1, 1), np.uint8), "uint8", "a.png")
    write(Format.CSV, tmp_path, brightness, Result("a.png", 0, Detection(frame.info, Range(0, 1), found, EMPTY)))
    with (tmp_path / "targets.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert [row[f"signal_{name}"] for name in ("peak", "mean", "scr", "temperature_c")] == ["1.0", "1.0", "", ""]
