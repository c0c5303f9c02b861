"""Raw rows and standard input, as ``rrcanet detect`` reads them."""

from pathlib import Path

import numpy as np
import pytest

from service.commands.detect import reading
from tests.service.commands.detect.detecting import BOXES, SCENE, Detect, boxes, frames_of, names_of
from tests.support import frames as files

TYPES = {"u8": "u1", "u16le": "<u2", "u16be": ">u2", "f32le": "<f4"}
ROWS = ("--width", 30, "--height", 20, "--dtype", "u8")


@pytest.mark.parametrize("kind", TYPES)
def test_rows_are_read_as_the_options_say(detect: Detect, tmp_path: Path, kind: str) -> None:
    (tmp_path / "dump.raw").write_bytes(SCENE.astype(TYPES[kind]).tobytes())
    ended = detect(tmp_path / "dump.raw", "--width", 30, "--height", 20, "--dtype", kind)
    assert (ended.exit_code, ended.stderr) == (0, "")
    (frame,) = frames_of(ended)
    assert (frame["name"], frame["width"], frame["height"]) == ("dump.raw", 30, 20)
    assert frame["input"]["dtype"] == np.dtype(TYPES[kind]).name
    assert boxes(frame) == BOXES


def test_frames_back_to_back_are_pages(detect: Detect, tmp_path: Path) -> None:
    (tmp_path / "flight.bin").write_bytes(np.stack([SCENE, SCENE * 0, SCENE]).tobytes())
    frames = frames_of(detect(tmp_path / "flight.bin", *ROWS))
    assert [(frame["page"], boxes(frame)) for frame in frames] == [(0, BOXES), (1, []), (2, BOXES)]


def test_rows_and_images_of_a_folder_are_read_as_what_they_are(detect: Detect, tmp_path: Path) -> None:
    contents = {
        "a.raw": SCENE.tobytes(),
        "b.BIN": SCENE.tobytes(),
        "c.bmp": files.bmp(SCENE),  # rows may begin like it, but for the suffix
        "d.jpg": files.jpeg(SCENE),
        "e.raw": files.png(SCENE),
        "f.npy": files.npy(SCENE),
        "notes.txt": b"no frame",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    ended = detect(tmp_path, *ROWS)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert names_of(ended) == list(contents)[:-1]
    assert all(boxes(frame)[0] == BOXES[0] for frame in frames_of(ended))


def test_rows_in_folders_are_left_alone_without_the_options(detect: Detect, scene: Path) -> None:
    (scene.parent / "dump.raw").write_bytes(SCENE.tobytes())
    assert names_of(detect(scene.parent)) == ["scene.png"]


def test_rows_that_nothing_describes_are_told_the_options(detect: Detect, tmp_path: Path) -> None:
    (tmp_path / "dump.raw").write_bytes(SCENE.tobytes())
    ended = detect(tmp_path / "dump.raw")
    assert ended.exit_code == 1
    assert "raw rows need --width, --height and --dtype (u8, i8, u12le, u12be, u16le, " in ended.stderr


def test_a_broken_image_is_not_read_as_rows(detect: Detect, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(SCENE.tobytes())
    ended = detect(tmp_path / "broken.png", *ROWS)
    assert ended.exit_code == 1
    assert "is none of the supported formats" in ended.stderr
    assert "raw rows need" not in ended.stderr


def test_half_a_frame_is_told(detect: Detect, tmp_path: Path) -> None:
    (tmp_path / "dump.raw").write_bytes(SCENE.tobytes()[:-1])
    ended = detect(tmp_path / "dump.raw", *ROWS)
    assert ended.exit_code == 1
    assert "599 bytes are not a whole number of frames of 600 bytes" in ended.stderr


@pytest.mark.parametrize("left_out", ["--width", "--height", "--dtype"])
def test_one_option_of_three_is_a_usage_error(detect: Detect, scene: Path, left_out: str) -> None:
    at = ROWS.index(left_out)
    ended = detect(scene, *ROWS[:at], *ROWS[at + 2 :])
    assert ended.exit_code == 2
    assert "raw rows need all three of --width, --height and --dtype" in ended.stderr


def test_a_long_dump_has_as_many_pixels_as_it_has(
    detect: Detect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_PIXELS", 2000)
    (tmp_path / "long.raw").write_bytes(np.zeros((9, 40, 50), np.uint8).tobytes())
    assert len(frames_of(detect(tmp_path / "long.raw", "--width", 50, "--height", 40, "--dtype", "u8"))) == 9
    (tmp_path / "bomb.png").write_bytes(files.png(np.zeros((90, 50), np.uint8)))
    assert detect(tmp_path / "bomb.png").exit_code == 1


@pytest.mark.parametrize(("content", "options"), [(files.png(SCENE), ()), (SCENE.tobytes(), ROWS)])
def test_standard_input_is_a_file(detect: Detect, content: bytes, options: tuple[object, ...]) -> None:
    ended = detect("-", *options, content=content)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert names_of(ended) == ["stdin"]
    assert boxes(frames_of(ended)[0]) == BOXES


def test_standard_input_stands_among_files(detect: Detect, scene: Path, tmp_path: Path) -> None:
    ended = detect(scene, "-", "--format", "png", "--out", tmp_path / "out", content=files.png(SCENE))
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["scene.png", "stdin.png"]


def test_standard_input_that_is_no_frame_is_told(detect: Detect) -> None:
    ended = detect("-", content=b"")
    assert ended.exit_code == 1
    assert "-: the file is empty" in ended.stderr
