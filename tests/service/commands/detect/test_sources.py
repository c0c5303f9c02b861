"""Which files ``rrcanet detect`` reads, and what it calls their frames."""

import csv
import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.service.commands.detect.detecting import BOXES, SCENE, Detect, boxes, frames_of, names_of
from tests.support import frames as files


def put(folder: Path, *names: str) -> Path:
    """A scene in each of these files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(files.npy(SCENE) if name.endswith(".npy") else files.png(SCENE))
    return folder


def masks_in(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    """A folder for each sequence, whose frames are numbered from 1."""
    return put(tmp_path / "flights", "seq1/0001.png", "seq1/0002.png", "seq2/0001.png")


SEQUENCES = ["seq1/0001.png", "seq1/0002.png", "seq2/0001.png"]


def test_frames_of_sequences_are_named_with_their_folder(detect: Detect, flights: Path) -> None:
    ended = detect(flights / "seq1", flights / "seq2")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert names_of(ended) == SEQUENCES
    assert all(boxes(frame) == BOXES for frame in frames_of(ended))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["seq1"], ["0001.png", "0002.png"]),
        (["seq1/0001.png"], ["0001.png"]),
        (["seq1/0002.png", "seq2"], ["0002.png", "0001.png"]),
        (["seq1/0001.png", "seq2/0001.png"], ["seq1/0001.png", "seq2/0001.png"]),
        (["seq2/0001.png", "seq1"], ["seq2/0001.png", "seq1/0001.png", "seq1/0002.png"]),
        (["day/seq1", "seq1/0001.png"], ["day/seq1/0001.npy", "flights/seq1/0001.png"]),
        (["-r", "."], ["day/seq1/0001.npy", *SEQUENCES]),
        (["-r", "day"], ["seq1/0001.npy"]),
        (["-r", "day", "seq1"], ["seq1/0001.npy", "0001.png", "0002.png"]),
        (["--recursive", "../flights/seq2"], ["0001.png"]),
    ],
)
def test_names_begin_as_low_as_they_differ(
    detect: Detect, flights: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: list[str]
) -> None:
    put(flights, "day/seq1/0001.npy")
    monkeypatch.chdir(flights)
    ended = detect(*arguments)
    assert ended.exit_code == 0
    assert names_of(ended) == expected


def test_csv_and_coco_tell_sequences_apart(detect: Detect, flights: Path) -> None:
    rows = csv.DictReader(io.StringIO(detect("-r", flights, "--format", "csv").stdout))
    assert [row["name"] for row in rows] == sorted(2 * SEQUENCES)
    entries = json.loads(detect("-r", flights, "--format", "coco").stdout)
    assert [one["image_id"] for one in entries] == sorted(2 * ["seq1/0001", "seq1/0002", "seq2/0001"])


def test_files_of_one_number_are_refused_by_coco_before_any_work(detect: Detect, flights: Path, tmp_path: Path) -> None:
    twins = [put(flights, name) / name for name in ("7.png", "007.png")]
    ended = detect(*twins, "--format", "coco", "--out", tmp_path / "out")
    assert ended.exit_code == 1
    assert ended.stderr == f"Error: {twins[0]} and {twins[1]} would have the same image_id, 7\n"
    assert not (tmp_path / "out").exists()
    assert names_of(detect(*twins)) == ["7.png", "007.png"]


@pytest.mark.parametrize("arguments", [["-r", "."], ["seq1", "seq2"]])
def test_masks_lie_in_folders_as_their_frames_do(
    detect: Detect, flights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    (flights / "seq2" / "pages.tif").write_bytes(files.tiff(SCENE, SCENE))
    monkeypatch.chdir(flights)
    out = tmp_path / "masks"
    assert detect(*arguments, "--format", "png", "--out", out).exit_code == 0
    assert masks_in(out) == [*SEQUENCES, "seq2/pages.png", "seq2/pages_0001.png"]
    np.testing.assert_array_equal(Image.open(out / "seq2" / "0001.png"), np.where(SCENE > 0, 255, 0))


def test_masks_in_place_of_their_frames_are_refused_in_folders_too(detect: Detect, flights: Path) -> None:
    before = (flights / "seq1" / "0001.png").read_bytes()
    ended = detect("-r", flights, "--format", "png", "--out", flights)
    assert ended.exit_code == 1
    assert f"would overwrite the frames of {flights / 'seq1' / '0001.png'}" in ended.stderr
    assert (flights / "seq1" / "0001.png").read_bytes() == before


def test_a_second_run_does_not_read_the_masks_of_the_first(detect: Detect, flights: Path) -> None:
    for _ in range(2):
        ended = detect("-r", flights, "--format", "png", "--out", flights / "masks")
        assert (ended.exit_code, ended.stderr) == (0, "")
        assert masks_in(flights / "masks") == SEQUENCES


def test_links_to_folders_are_not_entered_unless_they_are_given(detect: Detect, flights: Path) -> None:
    (flights / "seq1" / "loop").symlink_to(flights)
    (flights / "latest").symlink_to("seq2")
    assert names_of(detect("-r", flights)) == SEQUENCES
    assert names_of(detect(flights / "seq1", flights / "latest")) == [
        "seq1/0001.png",
        "seq1/0002.png",
        "latest/0001.png",
    ]


def test_a_folder_of_folders_is_told_the_option(detect: Detect, flights: Path) -> None:
    ended = detect(flights)
    assert ended.exit_code == 2
    assert "use --recursive to search the folders in it" in ended.stderr
    (flights / "empty").mkdir()
    ended = detect("-r", flights / "empty")
    assert ended.exit_code == 2
    assert "--recursive" not in ended.stderr


def test_files_of_one_folder_that_differ_in_their_suffix_are_refused(detect: Detect, flights: Path) -> None:
    put(flights, "seq2/0001.npy")
    ended = detect("-r", flights)
    assert ended.exit_code == 2
    twins = [flights / "seq2" / name for name in ("0001.npy", "0001.png")]
    assert f"{twins[0]} and {twins[1]} have the same name" in ended.stderr


def test_a_file_that_is_given_twice_is_refused(detect: Detect, flights: Path) -> None:
    ended = detect(flights / "seq1", flights / "seq1" / "0001.png")
    assert ended.exit_code == 2
    assert f"{flights / 'seq1' / '0001.png'} is given twice" in ended.stderr


def test_files_that_are_numbered_after_a_dot_are_told_apart(detect: Detect, tmp_path: Path) -> None:
    put(tmp_path, "frame.0001", "frame.0002")
    ended = detect(tmp_path / "frame.0001", tmp_path / "frame.0002", "--format", "png", "--out", tmp_path / "out")
    assert ended.exit_code == 0, ended.stderr
    assert masks_in(tmp_path / "out") == ["frame.0001.png", "frame.0002.png"]


NOT_UTF_8 = os.fsdecode(b"caf\xe9.png")


@pytest.mark.parametrize("form", ["json", "csv", "coco"])
def test_names_that_are_no_text_are_written_out(detect: Detect, tmp_path: Path, form: str) -> None:
    put(tmp_path / "in", "a.png", NOT_UTF_8)
    frames_csv = tmp_path / "frames.csv"
    ended = detect(tmp_path / "in", "--format", form, "--out", tmp_path, "--frames-csv", frames_csv)
    assert ended.exit_code == 0, ended.stderr
    results = {"json": "targets.json", "csv": "targets.csv", "coco": "results.json"}
    stem = r"caf\xe9"
    assert (json.dumps(stem)[1:-1] if form != "csv" else stem) in (tmp_path / results[form]).read_text("utf-8")
    assert f"{stem}.png" in frames_csv.read_text("utf-8")


def test_a_folder_that_cannot_be_read_is_named(detect: Detect, flights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look: Callable[[Any], Any] = os.scandir

    def forbid(folder: Any) -> Any:  # by hand, since root may read everything
        if Path(folder).name == "seq2":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return look(folder)

    monkeypatch.setattr(os, "scandir", forbid)
    ended = detect("-r", flights)
    assert ended.exit_code == 1
    assert f"Permission denied: '{flights / 'seq2'}'" in ended.stderr


def test_what_begins_with_a_dot_is_skipped_in_folders_but_not_by_name(detect: Detect, tmp_path: Path) -> None:
    folder = put(tmp_path / "frames", "a.png", "._a.png", ".hidden/b.png", "seq/.c.png", "seq/d.png")
    (folder / "._a.png").write_bytes(b"of macOS")
    assert names_of(detect(folder)) == ["a.png"]
    assert names_of(detect(folder, "--recursive")) == ["a.png", "seq/d.png"]
    assert names_of(detect(folder / "seq" / ".c.png")) == [".c.png"]
