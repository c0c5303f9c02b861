"""Runs of ``rrcanet detect`` that end before their last frame."""

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.detection.detector import Detection, Detector
from service.runtime import ModelFault
from tests.service.commands.detect.detecting import BOXES, SCENE, Detect, boxes
from tests.support import frames as files

FILES = {"json": "targets.json", "csv": "targets.csv", "coco": "results.json"}
ENDS: dict[str, Callable[[], BaseException]] = {
    "interrupted": KeyboardInterrupt,
    "the disk is gone": lambda: OSError("the disk is gone"),
    "the model is lost": lambda: ModelFault("the model is lost"),
}


@pytest.fixture
def frames(scene: Path) -> Path:
    """A folder of two frames."""
    (scene.parent / "second.png").write_bytes(files.png(SCENE))
    return scene.parent


@pytest.fixture(params=ENDS)
def reason(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Why the run ends when it comes to the second frame."""
    honest: Callable[..., Detection] = Detector.detect
    calls = iter(range(9))

    def detect(*arguments: Any) -> Detection:
        if next(calls) == 1:
            raise ENDS[request.param]()
        return honest(*arguments)

    monkeypatch.setattr(Detector, "detect", detect)
    return str(request.param)


def targets_in(form: str, text: str) -> list[tuple[str, int]]:
    """The frame and the left side of every target."""
    if form == "csv":
        return [(Path(row["name"]).stem, int(row["x"])) for row in csv.DictReader(text.splitlines())]
    if form == "coco":
        return [(entry["image_id"], entry["bbox"][0]) for entry in json.loads(text)]
    return [(Path(one["name"]).stem, box["x"]) for one in json.loads(text)["frames"] for box in boxes(one)]


FIRST = [("scene", box["x"]) for box in BOXES]


@pytest.mark.parametrize("form", FILES)
def test_the_file_of_an_earlier_run_stays_and_what_was_answered_is_beside_it(
    detect: Detect, frames: Path, tmp_path: Path, form: str, reason: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / FILES[form]).write_text("of an earlier run")
    ended = detect(frames, "--format", form, "--out", out)
    partial = out / f"{FILES[form]}.partial"
    assert ended.exit_code == 1
    assert ended.stderr == f"Error: {reason}; the results so far are in {partial}\n"
    assert (out / FILES[form]).read_text() == "of an earlier run"
    assert targets_in(form, partial.read_text()) == FIRST


@pytest.mark.parametrize("form", FILES)
def test_a_run_that_ends_well_replaces_both(detect: Detect, frames: Path, tmp_path: Path, form: str) -> None:
    for name in (FILES[form], f"{FILES[form]}.partial"):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text("of an earlier run")
    assert detect(frames, "--format", form, "--out", tmp_path / "out").exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == [FILES[form]]
    written = targets_in(form, (tmp_path / "out" / FILES[form]).read_text())
    assert written == FIRST + [("second", left) for _, left in FIRST]


@pytest.mark.parametrize("form", FILES)
def test_standard_output_has_what_was_answered(detect: Detect, frames: Path, form: str, reason: str) -> None:
    ended = detect(frames, "--format", form)
    assert ended.exit_code == 1
    assert ended.stderr == f"Error: {reason}; the results so far are on standard output\n"
    assert targets_in(form, ended.stdout) == FIRST


@pytest.mark.usefixtures("reason")
def test_masks_that_are_written_are_whole(detect: Detect, frames: Path, tmp_path: Path) -> None:
    assert detect(frames, "--format", "png", "--out", tmp_path / "out").exit_code == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scene.png"]


def test_a_frame_is_not_overwritten_by_what_is_not_whole_yet(detect: Detect, scene: Path) -> None:
    frame = scene.rename(scene.parent / "targets.json.partial")
    before = frame.read_bytes()
    ended = detect(frame, "--out", frame.parent)
    assert ended.exit_code == 1
    assert "would overwrite" in ended.stderr
    assert frame.read_bytes() == before


def test_a_terminated_run_keeps_what_was_answered(brightness_model: Path, scene: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text("of an earlier run")
    options = ("--model", brightness_model, "--device", "cpu", "--format", "coco", "--out", tmp_path / "out")
    command = [sys.executable, "-c", "from service.cli import main; main()", "detect", *options]
    frames = (scene, tmp_path / "broken.png", "-")
    with subprocess.Popen(
        [str(part) for part in (*command, *frames)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "broken.png" in process.stderr.readline(), "two frames are done; standard input is waited for"
        process.send_signal(signal.SIGTERM)
        told = process.stderr.read()
    partial = tmp_path / "out" / "results.json.partial"
    assert (process.returncode, told) == (1, f"Error: interrupted; the results so far are in {partial}\n")
    assert (tmp_path / "out" / "results.json").read_text() == "of an earlier run"
    assert targets_in("coco", partial.read_text()) == FIRST
