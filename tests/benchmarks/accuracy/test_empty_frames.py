"""Windows without a target, and what `rrcanet evaluate` says of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from benchmarks.accuracy.empty_frames import Window, empty_frames_command, windows
from export.commands.evaluate import evaluate_command
from model.data.rasters import read_frame
from service.simulation.scene import make_scene
from tests.support import frames


def cut(data: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(empty_frames_command, [str(data), "--out", str(out), *options])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four wide frames with targets, one of them in 16 bits, and one frame that is too small."""
    folder = tmp_path_factory.mktemp("data") / "wide"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    sizes = [(300, 600), (300, 600), (300, 600), (220, 500), (100, 600)]
    for index, (height, width) in enumerate(sizes):
        scene = make_scene(index, height, width, targets=2)
        Image.fromarray(scene.counts(14 if index == 1 else 8)).save(folder / "images" / f"wide_{index}.png")
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(folder / "masks" / f"wide_{index}.png")
    (folder / "test.txt").write_text("".join(f"wide_{index}\n" for index in range(len(sizes))))
    return folder


def test_windows_keep_their_distance_from_targets_and_show_the_frames_own_pixels(data: Path, tmp_path: Path) -> None:
    result = cut(data, tmp_path / "empty")
    assert result.exit_code == 0, result.output
    names = (tmp_path / "empty" / "test.txt").read_text().split()
    assert {name[:6] for name in names} == {"wide_0", "wide_1", "wide_2", "wide_3"}
    for name in names:
        origin, top, left = name.rsplit("_", 2)
        with Image.open(data / "masks" / f"{origin}.png") as image:
            mask = np.asarray(image)
        with Image.open(data / "images" / f"{origin}.png") as image:
            frame = np.asarray(image)
        with Image.open(tmp_path / "empty" / "images" / f"{name}.png") as image:
            window = np.asarray(image)
        height, width = window.shape
        rows, columns = np.nonzero(mask)
        near = (rows > int(top) - 17) & (rows < int(top) + height + 16)
        near &= (columns > int(left) - 17) & (columns < int(left) + width + 16)
        assert not near.any()
        assert np.array_equal(window, frame[int(top) : int(top) + height, int(left) : int(left) + width])
        assert min(height, width) >= 128
        with Image.open(tmp_path / "empty" / "masks" / f"{name}.png") as image:
            assert not np.asarray(image).any()
            assert image.size == (width, height)


def test_windows_of_frames_that_no_png_holds_keep_their_counts(data: Path, tmp_path: Path) -> None:
    source = tmp_path / "kelvin"
    for part in ("images", "masks"):
        (source / part).mkdir(parents=True)
    counts = make_scene(0, 300, 600).counts(14) / np.float32(3) + np.float32(250)
    (source / "images" / "a.tif").write_bytes(frames.tiff(counts))
    Image.new("L", (600, 300)).save(source / "masks" / "a.png")
    assert cut(source, tmp_path / "empty", "--split", "all").exit_code == 0
    for name in (tmp_path / "empty" / "test.txt").read_text().split():
        _, top, left = (int(part) if part.isdigit() else 0 for part in name.split("_"))
        window = read_frame(tmp_path / "empty" / "images" / f"{name}.tif")
        assert np.array_equal(window, counts[top : top + 256, left : left + 256])


def test_the_widest_windows_that_fit_are_taken_and_do_not_overlap() -> None:
    mask = np.zeros((300, 600), np.bool_)
    mask[150, 290] = True
    assert windows(mask, 4) == [Window(0, 0, 256, 256), Window(0, 307, 256, 256)]
    assert windows(mask, 1) == [Window(0, 0, 256, 256)]
    mask = np.zeros((200, 600), np.bool_)
    mask[100, [100, 290, 500]] = True
    assert windows(mask, 4) == [Window(0, 117, 128, 128), Window(0, 307, 128, 128)]
    assert windows(np.zeros((140, 200), np.bool_), 4) == [Window(0, 0, 140, 200)]
    assert windows(np.zeros((127, 600), np.bool_), 4) == []
    assert windows(np.ones((300, 600), np.bool_), 4) == []


def test_the_same_windows_are_cut_twice_and_never_into_a_folder_in_use(data: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        assert cut(data, tmp_path / out, "--per-frame", "1").exit_code == 0
    one, two = (
        {path.relative_to(tmp_path / out): path.read_bytes() for path in (tmp_path / out).rglob("*.*")}
        for out in ("one", "two")
    )
    assert one == two
    again = cut(data, tmp_path / "one")
    assert again.exit_code == 1
    assert "is not empty" in again.output


def test_a_data_set_that_leaves_no_room_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text("wide_4")
    result = cut(data, tmp_path / "empty", "--split", str(tmp_path / "small.txt"))
    assert result.exit_code == 1
    assert "no window" in result.output


def test_frames_without_targets_are_scored_by_their_false_alarms(model_file: Path, data: Path, tmp_path: Path) -> None:
    """A frame whose truth has lost its targets alarms; flat frames do not."""
    cut(data, tmp_path / "empty", "--per-frame", "1")
    names = (tmp_path / "empty" / "test.txt").read_text().split()
    bright = Image.fromarray(make_scene(5, 256, 256, targets=2).counts(8))
    bright.save(tmp_path / "empty" / "images" / f"{names[0]}.png")
    Image.new("L", bright.size).save(tmp_path / "empty" / "masks" / f"{names[0]}.png")
    for name in names[1:]:
        with Image.open(tmp_path / "empty" / "masks" / f"{name}.png") as image:
            Image.new("L", image.size, 80).save(tmp_path / "empty" / "images" / f"{name}.png")
    options = ["--data", str(tmp_path / "empty"), "--json", str(tmp_path / "scores.json")]
    result = CliRunner().invoke(evaluate_command, [str(model_file), *options])
    assert result.exit_code == 0, result.output
    head, _, cells = (line.strip("| ").split(" | ") for line in result.output.splitlines() if line.startswith("|"))
    row = dict(zip(head, cells, strict=True))
    scores = json.loads((tmp_path / "scores.json").read_text(), parse_constant=pytest.fail)["scores"]
    assert (row["targets"], row["Pd %"], row["centroid error px"]) == ("0", "-", "-")
    assert scores["pd"] is None
    assert row["frames with a false object %"] == f"{100 / len(names):.2f}"
    assert scores["alarmed_frames"] == 1 / len(names)
    assert float(row["false objects / Mpx"]) > 0
