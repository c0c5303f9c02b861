"""How the public data sets lie on disk once downloaded: folders, names of masks, lists of names.

What begins with a dot is never part of a data set: macOS puts a ``._NAME.png`` beside files that it copies.

| data set | frames | masks | lists |
| --- | --- | --- | --- |
| SIRST v1, which the field calls NUAA-SIRST | ``images/`` | ``masks/NAME_pixels0.png`` | ``idx_427/*.txt`` |
| NUDT-SIRST, and all sets as DNANet and RRCA-Net use them | ``images/`` | ``masks/`` | ``50_50/*.txt`` and the like |
| the same as BasicIRSTD uses them | ``images/`` | ``masks/`` | ``img_idx/test_NUDT-SIRST.txt`` |
| IRSTD-1k | ``IRSTD1k_Img/`` | ``IRSTD1k_Label/`` | ``*.txt`` |
| SIRST v2 | ``mixed/`` | ``annotations/masks/NAME_pixels0.png`` | ``splits/test_full.txt`` |
| SIRSTdevkit, DenseSIRST | ``PNGImages/`` | ``SIRST/BinaryMask/NAME_pixels0.png`` | ``Splits/test_v2.txt`` |
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IMAGE_SUFFIXES: Final = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
MASK_ENDING: Final = "_pixels0"
VISIBLE: Final = "[!.]*"
TEST, ALL = "test", "all"


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders below the root of a data set."""

    images: str
    masks: str


LAYOUTS: Final = (
    Layout("images", "masks"),
    Layout("IRSTD1k_Img", "IRSTD1k_Label"),
    Layout("mixed", "annotations/masks"),
    Layout("PNGImages", "SIRST/BinaryMask"),
)


def find_layout(root: Path) -> Layout | None:
    """The first layout whose folders are both there."""
    complete = (one for one in LAYOUTS if (root / one.images).is_dir() and (root / one.masks).is_dir())
    return next(complete, None)


def frame_files(folder: Path) -> dict[str, list[Path]]:
    """Image files by frame name; more than one of a name are a fault of the data set."""
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.glob(VISIBLE)):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            files.setdefault(path.stem.removesuffix(MASK_ENDING), []).append(path)
    return files


def find_lists(root: Path, split: str | Path) -> list[Path]:
    """Files that ``split`` may mean: itself, or lists of that stem in ``root``, or else one folder further down."""
    if Path(split).is_file():
        return [Path(split)]
    for folders in ([root], _folders(root)):
        names = (f"{split}.txt", f"{split}_{root.resolve().name}.txt")
        found = [folder / name for folder in folders for name in names if (folder / name).is_file()]
        if found:
            return found
    return []


def all_lists(root: Path) -> list[str]:
    """Every text file that names a frame, relative to ``root``; other texts, such as a README, are no lists."""
    layout = find_layout(root)
    if layout is None:
        return []
    frames, annotations = frame_files(root / layout.images), (root / layout.images, root / layout.masks)
    folders = [folder for folder in (root, *_folders(root)) if folder not in annotations]
    texts = sorted(path for folder in folders for path in folder.glob(f"{VISIBLE}.txt"))
    return [path.relative_to(root).as_posix() for path in texts if _names_any(path, frames)]


def _names_any(path: Path, frames: Collection[str]) -> bool:
    try:
        return any(name in frames for name in read_list(path, frames))
    except (OSError, UnicodeDecodeError):
        return False


def default_split(root: Path) -> str:
    """``test``; a folder without any list is scored as a whole."""
    return TEST if find_lists(root, TEST) or all_lists(root) or not root.is_dir() else ALL


def read_list(path: Path, frames: Collection[str]) -> list[str]:
    """One frame name a line; the ending of its file may stand there too.

    Args:
        path: the list.
        frames: names that there are; one such as ``a.tif``, of a file ``a.tif.png``, has no ending to be left out.
    """
    lines = (line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return [line if line in frames else _without_suffix(line) for line in lines if line]


def _without_suffix(name: str) -> str:
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in IMAGE_SUFFIXES else name


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.glob(VISIBLE) if path.is_dir())
