"""Folders of sequences, and the ways to name a split."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data.dataset import DataError, FrameFolder

TARGET = np.zeros((8, 8), np.uint8)
TARGET[3, 3] = 255


def write(root: Path, *names: str) -> None:
    for kind in ("images", "masks"):
        for name in names:
            path = root / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(TARGET).save(path)


def test_a_folder_in_the_folder_is_a_sequence(tmp_path: Path) -> None:
    write(tmp_path, "1/f0", "1/f1", "2/f0")
    (tmp_path / "images" / "1" / "._f0.png").write_bytes(b"of macOS")
    (tmp_path / "test.txt").write_text("1/f0\n2/f0.png\n")
    folder = FrameFolder(tmp_path, "test")
    assert folder.names == ("1/f0", "2/f0")
    assert folder.load("2/f0").mask.sum() == 1
    assert set(FrameFolder(tmp_path, "all").names) == {"1/f0", "1/f1", "2/f0"}


def test_a_flat_folder_does_not_take_the_folders_in_it(tmp_path: Path) -> None:
    write(tmp_path, "f0", "old/f1")
    assert FrameFolder(tmp_path, "all").names == ("f0",)


def test_a_mask_of_a_sequence_may_be_missing(tmp_path: Path) -> None:
    write(tmp_path, "1/f0", "1/f1")
    (tmp_path / "masks" / "1" / "f1.png").unlink()
    (tmp_path / "test.txt").write_text("1/f1\n")
    with pytest.raises(DataError, match="1/f1"):
        FrameFolder(tmp_path, "test")


@pytest.mark.parametrize("split", ["test", "test.txt", "img_idx/test.txt"])
@pytest.mark.parametrize("place", [".", "img_idx"])
def test_a_split_is_named_with_or_without_its_ending(tmp_path: Path, split: str, place: str) -> None:
    write(tmp_path, "f0", "f1")
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "test.txt").write_text("f1\n")
    if place == "." and "/" in split:
        with pytest.raises(DataError, match="no split"):
            FrameFolder(tmp_path, split)
        return
    folder = FrameFolder(tmp_path, split)
    assert (folder.names, folder.split) == (("f1",), "test")


def test_a_list_with_the_name_of_its_dataset_is_found_by_its_path(tmp_path: Path) -> None:
    root = tmp_path / "NUDT-SIRST"
    write(root, "f0")
    (root / "img_idx").mkdir()
    (root / "img_idx" / "test_NUDT-SIRST.txt").write_text("f0\n")
    for split in ("test", "test_NUDT-SIRST.txt", "img_idx/test_NUDT-SIRST.txt"):
        assert FrameFolder(root, split).split == "test"
