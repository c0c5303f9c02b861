"""``rrcanet detect --frames-csv``: what became of every frame."""

import csv
from pathlib import Path

import numpy as np
import pytest

from service.detection.detector import Detector
from tests.service.commands.detect.detecting import SCENE, Detect, names_of
from tests.support import frames as files


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def frames(scene: Path) -> Path:
    """A frame with targets, one without, one that cannot be read, and a file of two."""
    (scene.parent / "calm.png").write_bytes(files.png(np.full((8, 40), 7, np.uint8)))
    (scene.parent / "broken.png").write_bytes(scene.read_bytes()[:50])
    pair = np.stack([SCENE * np.float32(2), np.full(SCENE.shape, np.nan, np.float32)])
    (scene.parent / "pair.npy").write_bytes(files.npy(pair))
    return scene.parent


@pytest.mark.parametrize("form", ["json", "csv", "coco", "png"])
def test_every_frame_has_a_line(detect: Detect, frames: Path, tmp_path: Path, form: str) -> None:
    table = tmp_path / "new" / "frames.csv"
    ended = detect(frames, "--format", form, "--out", tmp_path / "out", "--frames-csv", table)
    assert ended.exit_code == 1
    broken, calm, good, bad, scene = rows(table)
    numbers = ("width", "height", "range_low", "range_high", "targets")
    assert (calm["name"], [float(calm[name]) for name in numbers]) == ("calm.png", [40, 8, 7, 7, 0])
    assert (scene["name"], [float(scene[name]) for name in numbers]) == ("scene.png", [30, 20, 0, 255, 2])
    assert (good["name"], good["page"], float(good["range_high"]), good["error"]) == ("pair.npy", "0", 510, "")
    assert (bad["name"], bad["page"], bad["error"]) == ("pair.npy", "1", "every pixel is NaN or infinite")
    assert broken["error"]
    assert all(row[name] == "" for row in (broken, bad) for name in numbers)
    assert [path.name for path in table.parent.iterdir()] == ["frames.csv"]


def test_the_results_are_as_without_it(detect: Detect, scene: Path, tmp_path: Path) -> None:
    ended = detect(scene, "--frames-csv", tmp_path / "frames.csv")
    assert ended.exit_code == 0
    assert names_of(ended) == ["scene.png"]
    assert ended.stdout == detect(scene).stdout


def test_a_run_that_ends_early_leaves_it_beside_the_earlier_one(
    detect: Detect, frames: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Detector, "detect", interrupt)
    (tmp_path / "frames.csv").write_text("of an earlier run")
    ended = detect(frames, "--out", tmp_path / "out", "--frames-csv", tmp_path / "frames.csv")
    assert ended.exit_code == 1
    assert (tmp_path / "frames.csv").read_text() == "of an earlier run"
    assert [row["name"] for row in rows(tmp_path / "frames.csv.partial")] == ["broken.png"]
    for partial in (tmp_path / "out" / "targets.json.partial", tmp_path / "frames.csv.partial"):
        assert f"the results so far are in {partial}" in ended.stderr


def test_it_is_not_written_over_a_frame(detect: Detect, scene: Path) -> None:
    before = scene.read_bytes()
    ended = detect(scene, "--frames-csv", scene)
    assert ended.exit_code == 1
    assert f"would overwrite the frames of {scene}" in ended.stderr
    assert scene.read_bytes() == before


def test_it_is_not_written_over_the_results(detect: Detect, scene: Path, tmp_path: Path) -> None:
    ended = detect(scene, "--format", "csv", "--out", tmp_path, "--frames-csv", tmp_path / "targets.csv")
    assert ended.exit_code == 1
    assert f"would both be written to {tmp_path / 'targets.csv'}" in ended.stderr
    assert not (tmp_path / "targets.csv").exists()
