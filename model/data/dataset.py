"""Data sets on disk: frames, masks and the authors' splits.

Layout: ``ROOT/images/NAME.png``, ``ROOT/masks/NAME.png`` (0 and 255), ``ROOT/{train,test}.txt`` with one
name a line; and those of ``model.data.layouts``. Every fault is found and named before hours of training, not after.
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
READERS = 4  # threads; decoding leaves the interpreter free
SIZE_HINT = "(height, width); SIRST v1 ships one such mask, Misc_111, which SIRST v2 has right"


class DataError(Exception):
    """A data set that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame with its mask.

    Attributes:
        counts: ``[H, W]`` luminance, uint8, uint16, float32 or float64, as stored.
        mask: ``[H, W]`` True on targets.
    """

    name: str
    counts: NDArray[np.generic]
    mask: NDArray[np.bool_]

    def intensities(self) -> NDArray[np.float32]:
        """``[H, W]``, 0 to 255: the counts as the service maps them with its ``auto`` range.

        Raises:
            DataError: no pixel is a finite number.
        """
        valid = np.isfinite(self.counts)
        if not valid.any():
            raise DataError(f"{self.name}: every pixel is NaN or infinite")
        counts = without_invalid(self.counts, valid)
        return to_intensity(counts, auto_range(counts))


class FrameFolder:
    """A data set folder, one of its splits, checked when opened.

    Args:
        root: folder in one of the layouts of ``model.data.layouts``.
        split: a file of names, or the stem of one such as ``train`` inside ``root`` or a folder of it;
            ``all`` where there is no such file: every frame.

    Raises:
        DataError: what is missing or wrong, by name.
    """

    def __init__(self, root: Path, split: str | Path) -> None:
        self.root = root
        layout = _layout(root)
        images, masks = frame_files(root / layout.images), frame_files(root / layout.masks)
        self.names, self.list_file = _names(root, split, images)
        if self.list_file is None:
            _refuse(root, "masks have no frame", [name for name in masks if name not in images])
        for kind, files in (("frame", images), ("mask", masks)):
            _refuse(root, f"names of {split} have no {kind}", [name for name in self.names if name not in files])
            _refuse(root, f"{kind}s are there more than once", [name for name in self.names if len(files[name]) > 1])
        self._images = {name: paths[0] for name, paths in images.items()}
        self._masks = {name: paths[0] for name, paths in masks.items()}
        self._check_rasters()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def split(self) -> str:
        """Stem of the list, without the data set's name that some end with, or ``all``."""
        return self.list_file.stem.removesuffix(f"_{self.root.resolve().name}") if self.list_file else ALL

    @property
    def set_names(self) -> frozenset[str]:
        """What the data set may be called: the folder as it was given, and the one that a link leads to."""
        return frozenset((self.root.absolute().name, self.root.resolve().name))

    def image_path(self, name: str) -> Path:
        """File of a frame, as downloaded."""
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
        """``[H, W]`` True on targets."""
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
        raise DataError(f"{root} has no folder {missing!r}; layouts read: {known}")
    return layout


def _names(root: Path, split: str | Path, images: Collection[str]) -> tuple[tuple[str, ...], Path | None]:
    lists = find_lists(root, split)
    if len(lists) > 1:
        raise DataError(f"{str(split)!r} may be any of {', '.join(map(str, lists))}: name the file")
    if not lists:
        if str(split) == ALL:
            return _distinct(list(images), f"{root}"), None
        there = ", ".join(all_lists(root)) or "none"
        raise DataError(f"no split {str(split)!r}: neither a file nor {root / str(split)}.txt; lists there: {there}")
    return _distinct(_readable(lists[0], images), str(lists[0])), lists[0]


def _readable(path: Path, images: Collection[str]) -> list[str]:
    try:
        return read_list(path, images)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no list of names: {error}") from error


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
