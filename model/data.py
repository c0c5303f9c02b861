"""Data sets on disk: frames, masks and the authors' splits.

Layout: ``ROOT/images/NAME.png``, ``ROOT/masks/NAME.png`` (0 and 255), ``ROOT/{train,test}.txt`` with one
name a line. Every fault is found and named before hours of training, not after.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

REC_601 = np.array([0.299, 0.587, 0.114], np.float32)
IMAGE_SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg")


class DataError(Exception):
    """A data set that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame with its mask.

    Attributes:
        counts: ``[H, W]`` luminance, uint8, uint16 or float32, as stored.
        mask: ``[H, W]`` True on targets.
    """

    name: str
    counts: NDArray[np.generic]
    mask: NDArray[np.bool_]


class FrameFolder:
    """A data set folder, one of its splits, checked when opened.

    Args:
        root: folder with ``images`` and ``masks``.
        split: a file of names, absolute or a stem such as ``train`` inside ``root``.

    Raises:
        DataError: what is missing, by name.
    """

    def __init__(self, root: Path, split: str | Path) -> None:
        self.root = root
        for part in ("images", "masks"):
            if not (root / part).is_dir():
                raise DataError(f"{root} has no folder {part!r}")
        self._images, self._masks = _by_stem(root / "images"), _by_stem(root / "masks")
        self.names = _read_split(root, split)
        for kind, files in (("frame", self._images), ("mask", self._masks)):
            missing = [name for name in self.names if name not in files]
            if missing:
                raise DataError(f"{root}: {len(missing)} names of {split} have no {kind}: {missing[:5]}")

    def __len__(self) -> int:
        return len(self.names)

    def image_path(self, name: str) -> Path:
        """File of a frame, as downloaded."""
        return self._images[name]

    def load(self, name: str) -> Sample:
        """Read one frame and its mask."""
        counts, mask = read_luminance(self._images[name]), read_mask(self._masks[name])
        if counts.shape != mask.shape:
            raise DataError(f"{name}: frame is {counts.shape}, mask is {mask.shape} (height, width)")
        return Sample(name, counts, mask)


def read_luminance(path: Path) -> NDArray[np.generic]:
    """``[H, W]`` counts: gray as stored, colour as Rec. 601 luminance in float32."""
    with Image.open(path) as image:
        if image.mode.startswith("I") or image.mode in ("L", "F"):
            counts = np.asarray(image)
            return counts.astype(np.uint16) if counts.dtype.kind in "iu" and counts.dtype != np.uint8 else counts
        luminance: NDArray[np.float32] = np.asarray(image.convert("RGB"), np.float32) @ REC_601
        return luminance


def read_mask(path: Path) -> NDArray[np.bool_]:
    """``[H, W]``; soft edges count from the middle up."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) > 127


def _by_stem(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}


def _read_split(root: Path, split: str | Path) -> tuple[str, ...]:
    path = Path(split)
    path = path if path.is_file() else root / f"{split}.txt"
    if not path.is_file():
        raise DataError(f"no split {str(split)!r}: neither a file nor {path}")
    names = tuple(line.strip() for line in path.read_text().splitlines() if line.strip())
    if not names:
        raise DataError(f"{path} names no frame")
    return names
