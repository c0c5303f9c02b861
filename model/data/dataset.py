"""Datasets on disk: frames, masks and splits.

The simplest layout is ``ROOT/images/NAME.png``, ``ROOT/masks/NAME.png`` (0 and 255) and ``ROOT/{train,test}.txt`` with
one name per line; ``model.data.layouts`` has the others. A folder is checked when it is opened, so faults are reported
before hours of training.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intensity import auto_range, to_intensity, without_invalid
from model.data.layouts import ALL, LAYOUTS, Layout, all_lists, find_layout, find_lists, frame_files, read_list
from model.data.rasters import RasterError, read_frame, read_mask, read_size

MAX_NAMES = 5  # names in a message
READERS = 4  # threads; decoding releases the interpreter lock
SIZE_HINT = "(height, width); SIRST v1 has one such mask, Misc_111, which SIRST v2 has corrected"


class DataError(Exception):
    """The dataset cannot be used. The message says why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame with its mask.

    Attributes:
        name: the frame's name.
        counts: ``[H, W]`` luminance as stored: uint8, uint16, float32 or float64.
        mask: ``[H, W]``, True on targets.
    """

    name: str
    counts: NDArray[np.generic]
    mask: NDArray[np.bool_]

    def intensities(self) -> NDArray[np.float32]:
        """``[H, W]``, 0 to 255: the counts mapped by the service's ``auto`` range.

        Raises:
            DataError: no pixel is a finite number.
        """
        valid = np.isfinite(self.counts)
        if not valid.any():
            raise DataError(f"{self.name}: every pixel is NaN or infinite")
        counts = without_invalid(self.counts, valid)
        return to_intensity(counts, auto_range(counts))


class FrameFolder:
    """One split of a dataset. The folder is checked when it is opened.

    Args:
        root: folder of the dataset, in one of the layouts of ``model.data.layouts``.
        split: a file with frame names, or its stem, such as ``train``, in ``root`` or one of its folders; ``all`` means
            every frame if there is no file of that name.

    Raises:
        DataError: a file is missing or wrong; the message names it.
    """

    def __init__(self, root: Path, split: str | Path) -> None:
        self.root = root
        layout = _layout(root)
        images, masks = frame_files(root / layout.images), frame_files(root / layout.masks)
        self.names, self.list_file = _names(root, split, images)
        if self.list_file is None:
            _refuse(root, "masks have no frame", [name for name in masks if name not in images])  # split is ``all``
        for kind, files in (("frame", images), ("mask", masks)):
            _refuse(root, f"names of {split} have no {kind}", [name for name in self.names if name not in files])
            _refuse(root, f"{kind}s exist more than once", [name for name in self.names if len(files[name]) > 1])
        self._images = {name: paths[0] for name, paths in images.items()}
        self._masks = {name: paths[0] for name, paths in masks.items()}
        self._check_rasters()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def split(self) -> str:
        """Name of the split: the stem of its list without the dataset's name at its end, or ``all``."""
        return self.list_file.stem.removesuffix(f"_{self.root.resolve().name}") if self.list_file else ALL

    @property
    def set_names(self) -> frozenset[str]:
        """Possible names of the dataset: the name of the folder and, if it is a link, of its target."""
        return frozenset((self.root.absolute().name, self.root.resolve().name))

    def image_path(self, name: str) -> Path:
        """The frame's file."""
        return self._images[name]

    def load(self, name: str) -> Sample:
        """Read one frame and its mask.

        Raises:
            DataError: the frame cannot be read.
        """
        try:
            counts = read_frame(self._images[name])
        except RasterError as error:
            raise DataError(f"{name}: {error}") from error
        return Sample(name, counts, self.load_mask(name))

    def load_mask(self, name: str) -> NDArray[np.bool_]:
        """``[H, W]``, True on targets."""
        return read_mask(self._masks[name])

    def _check_rasters(self) -> None:
        with ThreadPoolExecutor(READERS) as pool:
            faults = [fault for fault in pool.map(self._fault, self.names) if fault]
        if faults:
            more = f" (and {len(faults) - MAX_NAMES} more)" if len(faults) > MAX_NAMES else ""
            raise DataError(f"{self.root}: {'; '.join(faults[:MAX_NAMES])}{more}")

    def _fault(self, name: str) -> str | None:
        try:
            size, mask = read_size(self._images[name]), read_mask(self._masks[name])
        except RasterError as error:
            return f"{name}: {error}"
        return None if size == mask.shape else f"{name}: frame is {size}, mask is {mask.shape} {SIZE_HINT}"


def _layout(root: Path) -> Layout:
    layout = find_layout(root)
    if layout is None:
        half = next((one for one in LAYOUTS if (root / one.images).is_dir()), None)
        known = ", ".join(f"{one.images} with {one.masks}" for one in LAYOUTS)
        missing = LAYOUTS[0].images if half is None else half.masks
        raise DataError(f"{root} has no folder {missing!r}; supported layouts: {known}")
    return layout


def _names(root: Path, split: str | Path, images: Collection[str]) -> tuple[tuple[str, ...], Path | None]:
    lists = find_lists(root, split)
    if len(lists) > 1:
        raise DataError(f"{str(split)!r} is ambiguous, name the file: {', '.join(map(str, lists))}")
    if not lists:
        if str(split) == ALL:
            return _distinct(list(images), f"{root}"), None
        available = ", ".join(all_lists(root)) or "none"
        raise DataError(
            f"no split {str(split)!r}: neither {str(split)!r} nor {root / str(split)}.txt is a file; "
            f"available lists: {available}"
        )
    return _distinct(_readable(lists[0], images), str(lists[0])), lists[0]


def _readable(path: Path, images: Collection[str]) -> list[str]:
    try:
        return read_list(path, images)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a list of names: {error}") from error


def _distinct(names: list[str], origin: str) -> tuple[str, ...]:
    if not names:
        raise DataError(f"{origin} names no frame")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{origin} names {len(twice)} frames more than once: {twice[:MAX_NAMES]}")
    return tuple(names)


def _refuse(root: Path, what: str, names: list[str]) -> None:
    if names:
        raise DataError(f"{root}: {len(names)} {what}: {names[:MAX_NAMES]}")
