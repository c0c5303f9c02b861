"""Layouts of the public datasets as they are downloaded: folders, names of masks, lists of names.

Files that begin with a dot are ignored: macOS creates a ``._NAME.png`` beside files that it copies.

| dataset | frames | masks | lists |
| --- | --- | --- | --- |
| SIRST v1, usually called NUAA-SIRST | ``images/`` | ``masks/NAME_pixels0.png`` | ``idx_427/*.txt`` |
| NUDT-SIRST, and all datasets in the form of DNANet and RRCA-Net | ``images/`` | ``masks/`` | such as ``50_50/*.txt`` |
| all datasets in the form of BasicIRSTD | ``images/`` | ``masks/`` | such as ``img_idx/test_NUDT-SIRST.txt`` |
| IRSTD-1k | ``IRSTD1k_Img/`` | ``IRSTD1k_Label/`` | ``*.txt`` |
| SIRST v2 | ``mixed/`` | ``annotations/masks/NAME_pixels0.png`` | ``splits/test_full.txt`` |
| SIRSTdevkit, DenseSIRST | ``PNGImages/`` | ``SIRST/BinaryMask/NAME_pixels0.png`` | ``Splits/test_v2.txt`` |
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

IMAGE_SUFFIXES: Final = (
    ".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".jls", ".jp2", ".j2k", ".pgm", ".fits", ".fit", ".fts",
)  # fmt: skip
MASK_ENDING: Final = "_pixels0"
VISIBLE: Final = "[!.]*"
TEST, ALL = "test", "all"


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders of frames and masks, relative to the root of a dataset."""

    images: str
    masks: str


LAYOUTS: Final = (
    Layout("images", "masks"),
    Layout("IRSTD1k_Img", "IRSTD1k_Label"),
    Layout("mixed", "annotations/masks"),
    Layout("PNGImages", "SIRST/BinaryMask"),
)


def find_layout(root: Path) -> Layout | None:
    """The first layout of which both folders exist, or None."""
    complete = (one for one in LAYOUTS if (root / one.images).is_dir() and (root / one.masks).is_dir())
    return next(complete, None)


def frame_files(folder: Path) -> dict[str, list[Path]]:
    """Image files of a folder by frame name. Several files of one name are a fault, which the caller reports.

    If the folder holds folders and no image, each of these is a sequence: ``1/f0.png`` has the frame name ``1/f0``.
    """
    files: dict[str, list[Path]] = {}
    for path in _images_in(folder) or [path for inner in _folders(folder) for path in _images_in(inner)]:
        place = path.parent.relative_to(folder)
        files.setdefault((place / path.stem.removesuffix(MASK_ENDING)).as_posix(), []).append(path)
    return files


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(VISIBLE) if path.suffix.lower() in IMAGE_SUFFIXES)


def find_lists(root: Path, split: str | Path) -> list[Path]:
    """Files that ``split`` may name.

    They are ``split`` itself if it is a file, or its path within ``root``; else lists of that name or stem in ``root``,
    or in its folders.
    """
    for path in (Path(split), root / split):
        if path.is_file():
            return [path]
    for folders in ([root], _folders(root)):
        names = (str(split), f"{split}.txt", f"{split}_{root.resolve().name}.txt")
        found = [folder / name for folder in folders for name in names if (folder / name).is_file()]
        if found:
            return found
    return []


def all_lists(root: Path) -> list[str]:
    """Text files that name a frame, as paths relative to ``root``. Others, such as a README, are skipped."""
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
    """``test``, or ``all`` if the folder holds no list."""
    return TEST if find_lists(root, TEST) or all_lists(root) or not root.is_dir() else ALL


def read_list(path: Path, frames: Collection[str]) -> list[str]:
    """Read a list with one frame name per line. A name may have the suffix of its file.

    Args:
        path: the list.
        frames: known frame names. A line that equals one of them is kept as it is: a file ``a.tif.png`` has the frame
            name ``a.tif``, whose ``.tif`` must not be removed.
    """
    lines = (line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return [line if line in frames else _without_suffix(line) for line in lines if line]


def _without_suffix(name: str) -> str:
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in IMAGE_SUFFIXES else name


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.glob(VISIBLE) if path.is_dir())
