"""Data sets on disk, and what is said of broken ones before training starts."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.data.dataset import DataError, FrameFolder
from tests.model.conftest import Write

EMPTY = np.zeros((6, 9), bool)
FLAT = np.full((6, 9), 7, np.uint8)


def test_frames_come_with_their_masks_in_the_order_of_the_split(tmp_path: Path, write_sample: Write) -> None:
    mask = EMPTY.copy()
    mask[2, 3] = True
    write_sample("b", np.full((6, 9), 7, np.uint8), mask)
    write_sample("a", np.full((6, 9), 9, np.uint8), EMPTY)
    folder = FrameFolder(tmp_path, "train")
    assert folder.names == ("b", "a")
    assert len(folder) == 2
    sample = folder.load("b")
    assert sample.counts.tolist() == [[7] * 9] * 6
    assert np.array_equal(sample.mask, mask)
    assert folder.image_path("a").name == "a.png"


def test_16_bit_frames_keep_their_counts(tmp_path: Path, write_sample: Write) -> None:
    counts = np.arange(54, dtype=np.uint16).reshape(6, 9) * 1000
    write_sample("a", counts, EMPTY)
    assert np.array_equal(FrameFolder(tmp_path, "train").load("a").counts, counts)


def test_colour_frames_become_luminance(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", np.full((6, 9, 3), (10, 20, 30), np.uint8), EMPTY)
    luminance = FrameFolder(tmp_path, "train").load("a").counts.astype(np.float64)
    np.testing.assert_allclose(luminance, 0.299 * 10 + 0.587 * 20 + 0.114 * 30, rtol=1e-5)


def test_a_split_may_be_any_file(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", np.zeros((6, 9), np.uint8), EMPTY)
    write_sample("b", np.zeros((6, 9), np.uint8), EMPTY)
    (tmp_path / "mine.lst").write_text("b\n\n")
    assert FrameFolder(tmp_path, tmp_path / "mine.lst").names == ("b",)


def test_what_is_missing_is_named(tmp_path: Path, write_sample: Write) -> None:
    with pytest.raises(DataError, match="no folder 'images'"):
        FrameFolder(tmp_path / "nowhere", "train")
    with pytest.raises(DataError, match="no split 'train'"):
        FrameFolder(tmp_path, "train")
    (tmp_path / "train.txt").write_text("\n")
    with pytest.raises(DataError, match="names no frame"):
        FrameFolder(tmp_path, "train")
    write_sample("a", np.zeros((6, 9), np.uint8), EMPTY)
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(DataError, match=r"no mask: \['a'\]"):
        FrameFolder(tmp_path, "train")


def test_what_is_in_no_layout_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="IRSTD1k_Img with IRSTD1k_Label"):
        FrameFolder(tmp_path, "train")
    (tmp_path / "IRSTD1k_Img").mkdir()
    with pytest.raises(DataError, match="no folder 'IRSTD1k_Label'"):
        FrameFolder(tmp_path, "train")


def test_a_mask_without_a_frame_is_named_where_its_frame_is_wanted(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", FLAT, EMPTY)
    Image.fromarray(FLAT * 0).save(tmp_path / "masks" / "stray.png")
    assert FrameFolder(tmp_path, "train").names == ("a",)
    with pytest.raises(DataError, match=r"1 masks have no frame: \['stray'\]"):
        FrameFolder(tmp_path, "all")
    (tmp_path / "train.txt").write_text("a\nstray\n")
    with pytest.raises(DataError, match=r"names of train have no frame: \['stray'\]"):
        FrameFolder(tmp_path, "train")


def test_a_name_without_a_frame_is_named(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", FLAT, EMPTY)
    (tmp_path / "train.txt").write_text("a\nghost\n")
    with pytest.raises(DataError, match=r"no frame: \['ghost'\]"):
        FrameFolder(tmp_path, "train")


@pytest.mark.parametrize(("part", "kind"), [("images", "frames"), ("masks", "masks")])
def test_two_files_of_one_name_are_not_guessed_between(
    tmp_path: Path, write_sample: Write, part: str, kind: str
) -> None:
    write_sample("a", FLAT, EMPTY)
    write_sample("b", FLAT, EMPTY)
    Image.fromarray(FLAT).save(tmp_path / part / "a.bmp")
    with pytest.raises(DataError, match=rf"1 {kind} exist more than once: \['a'\]"):
        FrameFolder(tmp_path, "train")
    (tmp_path / "train.txt").write_text("b\n")
    assert FrameFolder(tmp_path, "train").names == ("b",)


def test_a_frame_listed_twice_is_named(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", FLAT, EMPTY)
    (tmp_path / "train.txt").write_text("a\na\n")
    with pytest.raises(DataError, match=r"names 1 frames more than once: \['a'\]"):
        FrameFolder(tmp_path, "train")


def test_a_list_that_is_no_text_is_named(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", FLAT, EMPTY)
    with pytest.raises(DataError, match=r"a.png is not a list of names"):
        FrameFolder(tmp_path, tmp_path / "images" / "a.png")


def test_masks_of_another_size_are_named_before_any_work(tmp_path: Path, write_sample: Write) -> None:
    for name in "abcdefg":
        write_sample(name, FLAT, EMPTY)
        Image.new("L", (5, 5)).save(tmp_path / "masks" / f"{name}.png")
    with pytest.raises(DataError, match=r"a: frame is \(6, 9\), mask is \(5, 5\) .*\(and 2 more\)"):
        FrameFolder(tmp_path, "train")


@pytest.mark.parametrize(
    "levels",
    [
        np.linspace(0, 255, 54, dtype=np.uint8).reshape(6, 9),  # a frame, saved as a mask by mistake
        np.where(np.eye(6, 9, dtype=bool), 38, 0).astype(np.uint8),  # a class drawn in a dark colour
        np.where(np.eye(6, 9, dtype=bool), 2, 0).astype(np.uint8),  # a map of classes
    ],
)
def test_a_mask_that_is_not_binary_is_named(tmp_path: Path, write_sample: Write, levels: NDArray[np.uint8]) -> None:
    write_sample("a", FLAT, EMPTY)
    Image.fromarray(levels).save(tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match=r"a: a.png is no binary mask"):
        FrameFolder(tmp_path, "train")


def test_a_palette_of_several_classes_is_no_binary_mask(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", FLAT, EMPTY)
    classes = np.zeros((6, 9), np.uint8)
    classes[0, 0] = classes[2, 2] = 1
    classes[4, 4] = classes[4, 7] = 2
    palette = Image.fromarray(classes).convert("P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    palette.save(tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match="no binary mask"):
        FrameFolder(tmp_path, "train")


def test_masks_of_zeros_and_ones_one_bit_colour_and_soft_edges_are_read(tmp_path: Path, write_sample: Write) -> None:
    mask = EMPTY.copy()
    mask[2:4, 3:6] = True
    soft = mask.astype(np.uint8) * 255
    soft[1, 3:6] = 64
    masks = {
        "ones": Image.fromarray(mask.astype(np.uint8)),
        "bit": Image.fromarray(mask),
        "rgb": Image.fromarray(np.repeat(mask[..., None], 3, 2).astype(np.uint8) * 255),
        "soft": Image.fromarray(soft),
    }
    for name, image in masks.items():
        write_sample(name, FLAT, EMPTY)
        image.save(tmp_path / "masks" / f"{name}.png")
    folder = FrameFolder(tmp_path, "train")
    for name in masks:
        assert np.array_equal(folder.load(name).mask, mask), name


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_file_that_is_no_image_is_named_before_any_work(tmp_path: Path, write_sample: Write, part: str) -> None:
    write_sample("a", FLAT, EMPTY)
    (tmp_path / part / "a.png").write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(DataError, match=r"a: a.png cannot be read"):
        FrameFolder(tmp_path, "train")


def test_a_frame_cut_short_is_named_when_it_is_read(tmp_path: Path, write_sample: Write) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 90), np.uint8)
    write_sample("a", noise, np.zeros((60, 90), bool))
    path = tmp_path / "images" / "a.png"
    path.write_bytes(path.read_bytes()[:2000])
    folder = FrameFolder(tmp_path, "train")
    with pytest.raises(DataError, match=r"a: a.png cannot be read"):
        folder.load("a")
