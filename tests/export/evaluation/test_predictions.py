"""``rrcanet evaluate --predictions`` and ``rrcanet compare``: masks of any tool, and two models side by side."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from export.commands.compare import compare_command
from export.commands.evaluate import evaluate_command
from rrcanet.masks.run_lengths import decode_run_lengths, encode_run_lengths
from service.cli import main
from tests.export.evaluation.scored import evaluate, row
from tests.support.scenes import write_scenes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictions") / "scenes"
    write_scenes(folder, count=8)
    return folder


@pytest.fixture(scope="module")
def detected(model_file: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the shipped model finds, as masks and as COCO results."""
    out = tmp_path_factory.mktemp("detected")
    for form in ("png", "coco"):
        options = ["--model", model_file, "--device", "cpu", "--format", form, "--out", out / form]
        ended = CliRunner().invoke(main, ["detect", *map(str, (data / "images", *options))])
        assert ended.exit_code == 0, ended.output
    return out


def score(predictions: Path, data: Path, *options: str) -> Result:
    arguments = ["--predictions", str(predictions), "--data", str(data), "--split", "all", *options]
    return CliRunner().invoke(evaluate_command, arguments)


@pytest.mark.parametrize("form", ["png", "coco/results.json"])
def test_masks_of_a_model_have_the_scores_of_the_model(model_file: Path, data: Path, detected: Path, form: str) -> None:
    own = row(evaluate(model_file, data, "--split", "all"))
    scored = row(score(detected / form, data))
    unknown = {"range": "-"} | ({"calibration error": "-"} if form == "png" else {})
    assert float(own["Pd %"]) > 50
    assert scored == own | unknown
    assert float(row(score(detected / form, data, "--grid", "256"))["Pd %"]) > 50


def test_true_masks_are_perfect(data: Path) -> None:
    scores = row(score(data / "masks", data))
    assert (scores["IoU %"], scores["Pd %"], scores["Fa identity e-6"]) == ("100.00", "100.00", "0.00")


def test_a_coco_file_with_images_names_frames_by_their_file(data: Path, tmp_path: Path) -> None:
    images, annotations = [], []
    for number, path in enumerate(sorted((data / "masks").iterdir())):
        mask = np.asarray(Image.open(path)) > 0
        images.append({"id": number, "file_name": f"somewhere/{path.name}"})
        counts = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
        annotations.append({"image_id": number, "segmentation": {"size": list(mask.shape), "counts": counts}})
    (tmp_path / "truth.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    assert row(score(tmp_path / "truth.json", data))["IoU %"] == "100.00"


def coco_text(**changes: Any) -> str:
    segmentation = {"size": [128, 160], "counts": [0, 128 * 160]}
    return json.dumps([{"image_id": "scene_0000", "segmentation": segmentation} | changes])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no COCO file"),
        (json.dumps([{"image_id": "scene_0000", "bbox": [1, 2, 3, 4]}]), "boxes alone have no mask"),
        (coco_text(image_id="other"), "no entry belongs to a frame of the data: it has other"),
        (coco_text(segmentation={"size": [2, 2], "counts": [4]}), "its segmentation is 2x2, the frame is"),
        (coco_text(segmentation={"size": [128, 160], "counts": [4]}), "do not fill a mask"),
        (coco_text(score=2), "less than or equal to 1"),
    ],
)
def test_a_coco_file_that_cannot_be_used_is_named(data: Path, tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "results.json").write_text(text)
    result = score(tmp_path / "results.json", data)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert told in result.output


def test_a_folder_that_cannot_be_used_is_named(data: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    shutil.copytree(data / "masks", masks)
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(masks / "scene_0002.png")
    assert "scene_0002: the predicted mask is (5, 5)" in score(masks, data).output
    (masks / "scene_0002.png").unlink()
    assert "1 of 8 frames have no mask: scene_0002; a frame without targets needs a black mask" in (
        score(masks, data).output
    )
    assert "there is no folder or file" in score(tmp_path / "nowhere", data).output


@pytest.mark.parametrize("options", [("--report", "out"), ("--record",)])
def test_what_needs_a_model_is_refused(data: Path, options: tuple[str, ...]) -> None:
    assert score(data / "masks", data, *options).exit_code == 2
    assert CliRunner().invoke(evaluate_command, ["--data", str(data)]).exit_code == 2


@st.composite
def masks(draw: st.DrawFn) -> NDArray[np.bool_]:
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return np.random.default_rng(draw(st.integers(0, 99))).random(shape) < draw(st.floats(0, 1))


@given(masks())
def test_run_lengths_come_back(mask: NDArray[np.bool_]) -> None:
    size = (mask.shape[0], mask.shape[1])
    assert (decode_run_lengths(size, encode_run_lengths(mask)) == mask).all()


def compare(a: Path, b: Path, data: Path, *options: object) -> Result:
    arguments = [a, b, "--data", data, "--split", "all", *options]
    return CliRunner().invoke(compare_command, [str(one) for one in arguments])


def test_the_frames_where_two_models_differ_most_come_first(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(data / "masks", other)
    moved = np.asarray(Image.open(other / "scene_0001.png")).copy()
    moved[0, 0] = 255  # a false object
    Image.fromarray(np.zeros_like(np.asarray(Image.open(other / "scene_0003.png")))).save(other / "scene_0003.png")
    Image.fromarray(moved).save(other / "scene_0001.png")
    report = tmp_path / "report"
    result = compare(data / "masks", other, data, "--report", report, "--json", tmp_path / "c.json")
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "c.json").read_text())
    first, second, third = content["frames"][:3]
    assert (first["name"], first["b"]["detected"], first["a"]["detected"]) == ("scene_0003", 0, first["targets"])
    assert (second["name"], second["b"]["false_objects"], second["pixels_that_differ"]) == ("scene_0001", 1, 1)
    assert third["objects_that_differ"] == third["pixels_that_differ"] == 0
    assert content["a"]["scores"]["pd"] == 1
    assert content["b"]["scores"]["pd"] < 1
    page = (report / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert page.index("scene_0003. A: IoU 100.0 %. B: ") < page.index("scene_0001. A: IoU 100.0 %. B: 1 false objects")
    assert "2 of 8 frames differ" in (report / "report.md").read_text()


def test_a_model_is_compared_with_its_own_masks(model_file: Path, data: Path, detected: Path) -> None:
    result = compare(model_file, detected / "png", data)
    assert result.exit_code == 0, result.output
    assert "The masks of all frames are equal." in result.output


def test_what_cannot_be_compared_is_named(data: Path, tmp_path: Path) -> None:
    result = compare(data / "masks", tmp_path / "nowhere.onnx", data)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "nowhere.onnx" in result.output
