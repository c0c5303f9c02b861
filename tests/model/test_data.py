"""Data sets on disk, and what is said of broken ones before training starts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data import DataError, FrameFolder
from tests.model.conftest import Write

EMPTY = np.zeros((6, 9), bool)


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


def test_a_mask_of_another_size_is_named(tmp_path: Path, write_sample: Write) -> None:
    write_sample("a", np.zeros((6, 9), np.uint8), EMPTY)
    Image.new("L", (5, 5)).save(tmp_path / "masks" / "a.png")
    with pytest.raises(DataError, match=r"a: frame is \(6, 9\), mask is \(5, 5\)"):
        FrameFolder(tmp_path, "train").load("a")
