"""``rrcanet detect``, as it is typed."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from tests.service.commands.detect.detecting import BOXES, SCENE, Detect, boxes, frames_of
from tests.support import frames as files
from tests.support.paths import ROOT

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".npy")


def test_a_frame_is_answered_on_standard_output(detect: Detect, scene: Path) -> None:
    ended = detect(scene)
    assert (ended.exit_code, ended.stderr) == (0, "")
    (frame,) = frames_of(ended)
    assert (frame["name"], frame["width"], frame["height"]) == ("scene.png", 30, 20)
    assert boxes(frame) == BOXES
    assert json.loads(ended.stdout)["model"]["name"] == "small"


def test_every_frame_of_a_folder_is_answered_in_order_of_names(detect: Detect, scene: Path) -> None:
    for name in ("b.TIF", "a.npy"):
        (scene.parent / name).write_bytes(files.tiff(SCENE) if name == "b.TIF" else files.npy(SCENE))
    (scene.parent / "notes.txt").write_text("no frame")
    (scene.parent / "folder.png").mkdir()
    ended = detect(scene.parent)
    assert ended.exit_code == 0
    assert [frame["name"] for frame in frames_of(ended)] == ["a.npy", "b.TIF", "scene.png"]
    assert all(boxes(frame) == BOXES for frame in frames_of(ended))


@pytest.mark.parametrize("form", ["json", "csv", "coco"])
def test_a_file_of_results_is_what_standard_output_would_be(
    detect: Detect, scene: Path, tmp_path: Path, form: str
) -> None:
    name = {"json": "targets.json", "csv": "targets.csv", "coco": "results.json"}[form]
    ended = detect(scene, "--format", form, "--out", tmp_path / "new" / "results")
    assert (ended.exit_code, ended.stdout) == (0, "")
    assert [path.name for path in (tmp_path / "new" / "results").iterdir()] == [name]
    written = (tmp_path / "new" / "results" / name).read_bytes().decode()
    assert written.splitlines() == detect(scene, "--format", form).stdout.splitlines()


def test_csv_has_a_line_a_target(detect: Detect, scene: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(detect(scene, "--format", "csv").stdout)))
    assert [(row["name"], row["x"], row["y"], row["area"]) for row in rows] == [
        ("scene.png", "4", "3", "6"),
        ("scene.png", "20", "15", "1"),
    ]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_coco_has_an_entry_a_target(detect: Detect, scene: Path) -> None:
    entries = json.loads(detect(scene, "--format", "coco").stdout)
    assert [(entry["image_id"], entry["bbox"]) for entry in entries] == [
        ("scene", [4, 3, 3, 2]),
        ("scene", [20, 15, 1, 1]),
    ]
    masks = [coco_mask.decode(entry["segmentation"]) for entry in entries]
    np.testing.assert_array_equal(masks[0] + masks[1], SCENE > 0)


def test_png_writes_a_mask_a_frame(detect: Detect, scene: Path, tmp_path: Path) -> None:
    (scene.parent / "pages.tif").write_bytes(files.tiff(SCENE, SCENE[:9]))
    ended = detect(scene.parent, "--format", "png", "--out", tmp_path / "masks")
    assert ended.exit_code == 0
    for name, expected in (("scene", SCENE), ("pages", SCENE), ("pages_0001", SCENE[:9])):
        np.testing.assert_array_equal(Image.open(tmp_path / "masks" / f"{name}.png"), np.where(expected > 0, 255, 0))


def test_a_mask_in_place_of_its_frame_is_refused(detect: Detect, scene: Path) -> None:
    (scene.parent / "earlier.npy").write_bytes(files.npy(SCENE))
    before = scene.read_bytes()
    ended = detect(scene.parent, "--format", "png", "--out", scene.parent)
    assert ended.exit_code == 1
    assert f"would overwrite the frames of {scene}" in ended.stderr
    assert scene.read_bytes() == before
    assert sorted(path.name for path in scene.parent.iterdir()) == ["earlier.npy", "scene.png"]


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_linked_frame_is_not_overwritten(
    detect: Detect, scene: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    before = scene.read_bytes()
    (tmp_path / "linked").mkdir()
    link(tmp_path / "linked" / "other.png", scene)
    ended = detect(tmp_path / "linked", "--format", "png", "--out", scene.parent)
    assert (ended.exit_code, ended.stderr) == (0, ""), "other.png is free there"
    (scene.parent / "other.png").unlink()
    link(scene.parent / "other.png", scene)
    ended = detect(tmp_path / "linked", "--format", "png", "--out", scene.parent)
    assert ended.exit_code == 1
    assert "would overwrite the frames of" in ended.stderr
    assert scene.read_bytes() == before


def test_a_mask_of_a_further_page_is_not_written_over_a_frame(detect: Detect, scene: Path, tmp_path: Path) -> None:
    (tmp_path / "flight.tif").write_bytes(files.tiff(SCENE, SCENE))
    (tmp_path / "flight_0001.png").symlink_to(scene)
    ended = detect(tmp_path / "flight.tif", scene, "--format", "png", "--out", tmp_path)
    assert ended.exit_code == 1
    assert f"flight_0001.png would overwrite the frames of {scene}" in ended.stderr
    np.testing.assert_array_equal(Image.open(scene), SCENE)


def test_a_file_of_results_is_not_written_over_a_frame(detect: Detect, scene: Path) -> None:
    frame = scene.rename(scene.parent / "targets.csv")
    before = frame.read_bytes()
    ended = detect(frame, "--format", "csv", "--out", frame.parent)
    assert ended.exit_code == 1
    assert "would overwrite" in ended.stderr
    assert frame.read_bytes() == before


def test_png_without_a_folder_is_refused(detect: Detect, scene: Path) -> None:
    ended = detect(scene, "--format", "png")
    assert ended.exit_code == 1
    assert "--format png needs --out" in ended.stderr


def test_a_bad_frame_is_named_and_the_others_are_answered(detect: Detect, scene: Path) -> None:
    (scene.parent / "empty.png").write_bytes(b"")
    (scene.parent / "half.png").write_bytes(scene.read_bytes()[:50])
    (scene.parent / "gone.png").symlink_to(scene.parent / "moved.png")
    (scene.parent / "words.bmp").write_text("no frame at all")
    ended = detect(scene.parent)
    assert ended.exit_code == 1
    empty, gone, half, good, words = frames_of(ended)
    assert boxes(good) == BOXES
    for bad in (empty, gone, half, words):
        assert bad["error"]["detail"]
        assert "targets" not in bad
        assert f"{scene.parent / bad['name']}: {bad['error']['detail']}" in ended.stderr
    assert "4 of the frames could not be read" in ended.stderr


def test_a_bad_page_fails_alone(detect: Detect, tmp_path: Path) -> None:
    stack = np.stack([SCENE, SCENE, SCENE]).astype(np.float32)
    stack[1] = np.nan
    (tmp_path / "stack.npy").write_bytes(files.npy(stack))
    ended = detect(tmp_path / "stack.npy")
    assert ended.exit_code == 1
    first, second, third = frames_of(ended)
    assert boxes(first) == boxes(third) == BOXES
    assert [(frame["name"], frame["page"]) for frame in (first, second, third)] == [("stack.npy", n) for n in range(3)]
    assert second["error"] == {"reason": "undecodable_frame", "detail": "every pixel is NaN or infinite"}


def test_a_range_that_means_nothing_for_a_frame_is_told(detect: Detect, tmp_path: Path) -> None:
    (tmp_path / "float.npy").write_bytes(files.npy(SCENE.astype(np.float32)))
    ended = detect(tmp_path / "float.npy", "--range", "dtype")
    assert ended.exit_code == 1
    assert "range=dtype needs integer counts, but this frame is float32" in ended.stderr


def test_two_frames_of_one_name_are_refused(detect: Detect, scene: Path) -> None:
    other = scene.parent / "scene.npy"
    other.write_bytes(scene.read_bytes())
    ended = detect(scene, other)
    assert ended.exit_code == 2
    assert f"{scene} and {other} have the same name" in ended.stderr
    assert ended.stdout == ""


def test_a_folder_without_frames_is_refused(detect: Detect, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no frame")
    ended = detect(tmp_path)
    assert ended.exit_code == 2
    assert f"{tmp_path} has no frames" in ended.stderr
    assert all(suffix in ended.stderr for suffix in SUFFIXES)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--min-area", "2"], BOXES[:1]),
        (["--min-confidence", "0.9"], BOXES[:1]),
        (["--max-targets", "1"], BOXES[:1]),
        (["--threshold", "0.9"], BOXES[:1]),
        (["--range", "0:1000", "--threshold", "0.22"], BOXES[:1]),
        (["--range", "minmax"], BOXES),
        (["--polarity", "black_hot"], [{"x": 0, "y": 0, "width": 30, "height": 20}]),
    ],
)
def test_an_option_means_what_the_http_parameter_means(
    detect: Detect, scene: Path, options: list[str], expected: list[dict[str, int]]
) -> None:
    (frame,) = frames_of(detect(scene, *options))
    assert boxes(frame) == expected
    assert frame.get("truncated", False) == ("--max-targets" in options)


def test_radiometry_gives_targets_a_temperature(detect: Detect, scene: Path) -> None:
    (frame,) = frames_of(detect(scene, "--radiometry", "0.5:-20"))
    assert len(frame["targets"]) == len(BOXES)
    for target in frame["targets"]:
        assert target["signal"]["temperature_c"] == target["signal"]["peak"] * 0.5 - 20


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--range", "wide"], "must be auto, dtype, minmax or LO:HI"),
        (["--threshold", "2"], "--threshold"),
        (["--threshold", "nan"], "nan is not a finite number"),
        (["--min-confidence", "nan"], "nan is not a finite number"),
        (["--format", "xml"], "--format"),
        (["--min-area", "0"], "--min-area"),
        (["--radiometry", "0.04"], "must be GAIN:OFFSET"),
    ],
)
def test_a_wrong_option_is_a_usage_error(detect: Detect, scene: Path, options: list[str], told: str) -> None:
    ended = detect(scene, *options)
    assert ended.exit_code == 2
    assert told in ended.stderr


def test_a_frame_that_is_not_there_is_a_usage_error(detect: Detect, tmp_path: Path) -> None:
    ended = detect(tmp_path / "absent.png")
    assert ended.exit_code == 2
    assert "absent.png" in ended.stderr


def test_a_model_that_cannot_be_served_is_named(detect: Detect, scene: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not ONNX")
    for model in ("bad.onnx", "absent.onnx"):
        ended = detect(scene, "--model", tmp_path / model)
        assert ended.exit_code == 1
        assert str(tmp_path / model) in ended.stderr
        assert ended.stdout == ""


def test_a_folder_for_results_that_cannot_be_made_is_named(detect: Detect, scene: Path) -> None:
    ended = detect(scene, "--out", scene / "below a file")
    assert ended.exit_code == 1
    assert str(scene) in ended.stderr


def test_long_work_shows_plain_lines_in_a_log(detect: Detect, tmp_path: Path) -> None:
    for number in range(101):
        (tmp_path / f"{number:03d}.npy").write_bytes(files.npy(SCENE[:4, :8]))
    ended = detect(tmp_path)
    assert ended.exit_code == 0
    assert ended.stderr.splitlines() == ["50 of 101 files", "100 of 101 files"]
    assert len(frames_of(ended)) == 101


def command(model: Path, *arguments: object) -> list[str]:
    """The command line of a process that has no torch."""
    run = "import sys; sys.modules['torch'] = None; from service.cli import main; main()"
    options = ("--model", model, "--device", "cpu")
    return [sys.executable, "-c", run, "detect", *(str(one) for one in (*options, *arguments))]


def test_the_command_runs_as_a_process_without_torch(brightness_model: Path, scene: Path, tmp_path: Path) -> None:
    (scene.parent / "bad.png").write_bytes(b"bad")
    ended = subprocess.run(
        command(brightness_model, scene.parent, "--out", tmp_path / "out"),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[-1] == "Error: 1 of the frames could not be read"
    bad, good = json.loads((tmp_path / "out" / "targets.json").read_text())["frames"]
    assert bad["error"]["reason"] == "undecodable_frame"
    assert "is none of the supported formats: PNG, TIFF" in bad["error"]["detail"]
    assert boxes(good) == BOXES


def test_long_work_shows_a_bar_on_a_terminal(brightness_model: Path, scene: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    ended = subprocess.run(
        command(brightness_model, scene),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        check=True,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "detecting: 100%" in shown
    assert "1/1" in shown
    assert json.loads(ended.stdout)["frames"][0]["name"] == "scene.png"
