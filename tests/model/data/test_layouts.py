"""Data sets as they lie on disk once downloaded, each drawn small."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.data.dataset import DataError, FrameFolder
from model.data.layouts import default_split

MASK = np.zeros((6, 9), np.uint8)
MASK[2, 3] = 255


def lay(root: Path, images: str, masks: str, lists: dict[str, str], names: tuple[str, ...] = ("a", "b")) -> Path:
    """Frames ``a`` and ``b``, of which ``a`` has a target."""
    for list_file, content in lists.items():
        (root / list_file).parent.mkdir(parents=True, exist_ok=True)
        (root / list_file).write_text(content, encoding="utf-8")
    for name in names:
        for pattern, pixels in ((images, np.full((6, 9), 7, np.uint8)), (masks, MASK * (name == "a"))):
            path = root / pattern.replace("NAME", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


@pytest.mark.parametrize(
    ("images", "masks", "list_file", "split"),
    [
        ("images/NAME.png", "masks/NAME_pixels0.png", "idx_427/test.txt", "test"),  # SIRST v1
        ("images/NAME.png", "masks/NAME.png", "50_50/test.txt", "test"),  # NUDT-SIRST, DNANet
        ("images/NAME.png", "masks/NAME.png", "img_idx/test_NUDT-SIRST.txt", "test"),  # BasicIRSTD
        ("images/NAME.bmp", "masks/NAME.bmp", "test_NUDT-SIRST.txt", "test"),
        ("IRSTD1k_Img/NAME.png", "IRSTD1k_Label/NAME.png", "test.txt", "test"),  # IRSTD-1k
        ("mixed/NAME.png", "annotations/masks/NAME_pixels0.png", "splits/test_full.txt", "test_full"),  # SIRST v2
        ("PNGImages/NAME.png", "SIRST/BinaryMask/NAME_pixels0.png", "Splits/test_v2.txt", "test_v2"),  # DenseSIRST
    ],
)
def test_public_data_sets_are_read_as_downloaded(
    tmp_path: Path, images: str, masks: str, list_file: str, split: str
) -> None:
    root = lay(tmp_path / "NUDT-SIRST", images, masks, {list_file: "b\na\n"})
    folder = FrameFolder(root, split)
    assert folder.names == ("b", "a")
    assert [int(folder.load(name).mask.sum()) for name in folder.names] == [0, 1]
    assert folder.list_file == root / list_file


def test_annotations_beside_the_masks_are_not_in_the_way(tmp_path: Path) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME_pixels0.png", {"idx_427/test.txt": "a"})
    (root / "masks" / "a.xml").write_text("<annotation/>")
    (root / "masks" / "a_point.txt").write_text("3 2")
    assert FrameFolder(root, "test").names == ("a",)


def test_a_list_in_the_root_comes_before_those_further_down(tmp_path: Path) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {"test.txt": "a", "idx_427/test.txt": "b"})
    assert FrameFolder(root, "test").names == ("a",)


def test_two_lists_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {"idx_427/test.txt": "a", "50_50/test.txt": "b"})
    with pytest.raises(DataError, match=r"'test' is ambiguous, name the file: .*50_50/test.txt, .*idx_427/test.txt"):
        FrameFolder(root, "test")
    assert FrameFolder(root, "50_50/test").names == ("b",)


def test_names_may_carry_the_ending_of_their_files_and_a_byte_order_mark(tmp_path: Path) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {"test.txt": "\ufeffa.1.png\r\nb.PNG\r\n"}, ("a.1", "b"))
    assert FrameFolder(root, "test").names == ("a.1", "b")


def test_a_folder_without_lists_is_scored_as_a_whole(tmp_path: Path) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {})
    assert default_split(root) == "all"
    assert FrameFolder(root, "all").names == ("a", "b")
    (root / "train.txt").write_text("a")
    assert default_split(root) == "test"
    with pytest.raises(DataError, match=r"no split 'test'.*available lists: train.txt"):
        FrameFolder(root, "test")


@pytest.mark.parametrize("note", ["README.txt", "docs/LICENSE.txt"])
def test_a_text_that_names_no_frame_is_no_list(tmp_path: Path, note: str) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {note: "Frames of a camera.\n\nEach a mask.\n"})
    (root / "notes.txt").write_bytes("a\n".encode("utf-16"))
    assert FrameFolder(root, default_split(root)).names == ("a", "b")
    with pytest.raises(DataError, match="available lists: none"):
        FrameFolder(root, "test")


def test_a_list_is_one_even_where_frames_that_it_names_are_gone(tmp_path: Path) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {"train.txt": "a\nghost\n"})
    with pytest.raises(DataError, match=r"no split 'test'.*available lists: train.txt"):
        FrameFolder(root, default_split(root))
    (root / "test.txt").write_text("ghost\n")
    with pytest.raises(DataError, match=r"names of test have no frame: \['ghost'\]"):
        FrameFolder(root, default_split(root))


@pytest.mark.parametrize("listed", ["a.tif", "a.tif.png"])
def test_a_name_that_ends_like_a_file_is_found(tmp_path: Path, listed: str) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {"test.txt": listed}, ("a.tif", "b"))
    assert FrameFolder(root, "test").names == ("a.tif",)


def test_what_macos_puts_beside_files_is_not_part_of_a_data_set(tmp_path: Path) -> None:
    root = lay(tmp_path, "images/NAME.png", "masks/NAME.png", {".backup/test.txt": "b"})
    for path in ("images/._a.png", "masks/._b.png", "._test.txt"):
        (root / path).write_bytes(b"\x00\x05\x16\x07a\n")
    assert FrameFolder(root, default_split(root)).names == ("a", "b")
