"""How the public data sets lie on disk once downloaded: folders, names of masks, lists of names.

| data set | frames | masks | lists |
| --- | --- | --- | --- |
| SIRST v1, which the field calls NUAA-SIRST | ``images/`` | ``masks/NAME_pixels0.png`` | ``idx_427/*.txt`` |
| NUDT-SIRST, and all sets as DNANet and RRCA-Net use them | ``images/`` | ``masks/`` | ``50_50/*.txt`` and the like |
| the same as BasicIRSTD uses them | ``images/`` | ``masks/`` | ``img_idx/test_NUDT-SIRST.txt`` |
| IRSTD-1k | ``IRSTD1k_Img/`` | ``IRSTD1k_Label/`` | ``*.txt`` |
| SIRST v2 | ``mixed/`` | ``annotations/masks/NAME_pixels0.png`` | ``splits/test_full.txt`` |
| SIRSTdevkit, DenseSIRST | ``PNGImages/`` | ``SIRST/BinaryMask/NAME_pixels0.png`` | ``Splits/test_v2.txt`` |
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

IMAGE_SUFFIXES: Final = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")
MASK_ENDING: Final = "_pixels0"
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
    for path in sorted(folder.iterdir()):
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
    """Every list of names, relative to ``root``; folders of annotations hold text files too and do not count."""
    layout = find_layout(root)
    annotations = () if layout is None else (root / layout.images, root / layout.masks)
    folders = [folder for folder in (root, *_folders(root)) if folder not in annotations]
    return sorted(path.relative_to(root).as_posix() for folder in folders for path in folder.glob("*.txt"))


def default_split(root: Path) -> str:
    """``test``; a folder without any list is scored as a whole."""
    return TEST if all_lists(root) or not root.is_dir() else ALL


def read_list(path: Path) -> list[str]:
    """One frame name a line; the ending of its file may stand there too."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return [_without_suffix(line) for line in lines if line]


def _without_suffix(name: str) -> str:
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in IMAGE_SUFFIXES else name


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
