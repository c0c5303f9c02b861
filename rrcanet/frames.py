"""What ``detect`` takes, as items to send: arrays, files, folders, bytes, pictures, and collections of them."""

import io
import os
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray
from PIL import Image

from rrcanet.arrays import frames_of, to_npy

SUFFIXES: Final = (
    ".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".npy", ".jls", ".jp2", ".j2k", ".pgm", ".fits", ".fit", ".fts",
)  # fmt: skip
RAW_SUFFIXES: Final = (".raw", ".bin")
HIDDEN: Final = "."
NPY: Final = b"\x93NUMPY"
HEADED: Final = ("PNG", "JPEG", "BMP", "TIFF")  # Pillow reads their size without decoding them

Frame = NDArray[Any] | bytes | bytearray | memoryview | str | os.PathLike[str] | Image.Image
Frames = Frame | Iterable[Frame]


@dataclass(frozen=True, slots=True)
class Item:
    """A file or an array, ready to be sent.

    Attributes:
        content: the bytes of the file, or of a ``.npy`` file with the array.
        name: of the file; below a folder that was given, its relative path.
        source: what the caller gave, to draw on.
        sides: width and height of each frame that the file holds, as far as its header says.
    """

    content: bytes
    name: str | None
    source: Any
    sides: tuple[tuple[int, int], ...]

    @property
    def frames(self) -> int:
        return len(self.sides)


def suffixes_for(options: Container[str]) -> tuple[str, ...]:
    """Endings of the files that are taken from folders; those of raw rows too if the options describe such rows."""
    return (*SUFFIXES, *RAW_SUFFIXES) if "width" in options else SUFFIXES


def read_items(frames: Frames, suffixes: Sequence[str] = SUFFIXES) -> Iterator[Item]:
    """The items of everything that was given, in order. Files are read one by one, when they are due.

    Args:
        frames: as ``detect`` takes it.
        suffixes: endings of the files that are taken from folders.

    Raises:
        TypeError, ValueError: something is no frame.
        OSError: a file cannot be read.
    """
    if isinstance(frames, Path | str):
        yield from _from_path(Path(frames), suffixes)
    elif isinstance(frames, os.PathLike):
        yield from _from_path(Path(os.fspath(frames)), suffixes)
    elif isinstance(frames, bytes | bytearray | memoryview):
        yield _from_bytes(bytes(frames), None, frames)
    elif isinstance(frames, Image.Image):
        yield _from_picture(frames)
    elif hasattr(frames, "__array__"):
        yield from (_from_array(frame) for frame in frames_of(np.asarray(frames)))
    elif isinstance(frames, Iterable):
        for frame in _checked(frames):
            yield from read_items(frame, suffixes)
    else:
        raise TypeError(f"{type(frames).__name__} is no frame: give an array, a path, bytes, or a list of them")


def _checked(frames: Iterable[Frame]) -> Iterable[Frame]:
    """What a list holds is checked before the first of it is sent; an iterator is taken as it comes."""
    if isinstance(frames, Sequence):
        for frame in frames:
            _check(frame)
    return frames


def _check(frame: Frame) -> None:
    if isinstance(frame, str | os.PathLike):
        if not Path(frame).exists():
            raise FileNotFoundError(f"there is no file or folder {os.fspath(frame)}")
    elif hasattr(frame, "__array__") and not isinstance(frame, Image.Image):
        frames_of(np.asarray(frame))


def _from_path(path: Path, suffixes: Sequence[str]) -> Iterator[Item]:
    if not path.is_dir():
        yield _from_bytes(path.read_bytes(), path.name, path)
        return
    files = sorted(file for file in path.rglob("*") if _is_frame(file.relative_to(path), suffixes) and file.is_file())
    if not files:
        raise FileNotFoundError(f"the folder {path} has no frames ({' '.join(suffixes)})")
    for file in files:
        yield _from_bytes(file.read_bytes(), file.relative_to(path).as_posix(), file)


def _is_frame(path: Path, suffixes: Sequence[str]) -> bool:
    """Whether a folder's file is a frame; hidden files and folders are not."""
    return path.suffix.lower() in suffixes and not any(part.startswith(HIDDEN) for part in path.parts)


def _from_bytes(content: bytes, name: str | None, source: object) -> Item:
    return Item(content, name, source, sides_of(content))


def _from_array(frame: NDArray[Any]) -> Item:
    return Item(to_npy(frame), None, frame, ((frame.shape[1], frame.shape[0]),))


def _from_picture(picture: Image.Image) -> Item:
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF")
    return Item(buffer.getvalue(), None, picture, (picture.size,))


def single_frames(item: Item) -> Iterator[Item]:
    """Each frame of a ``.npy`` file as an item; the item itself if it is another file, or one that cannot be read."""
    if item.frames < 2 or not item.content.startswith(NPY):
        return iter([item])
    try:
        frames = frames_of(np.load(io.BytesIO(item.content), allow_pickle=False))
    except (ValueError, TypeError, EOFError):  # the server says what is wrong with it
        return iter([item])
    return (replace(_from_array(frame), name=item.name) for frame in frames)


def sides_of(content: bytes) -> tuple[tuple[int, int], ...]:
    """Width and height of each frame of a file, by its header.

    For formats whose header is not read here, one frame as large as the file has bytes.
    """
    try:
        if content.startswith(NPY):
            return _sides_of_npy(io.BytesIO(content))
        with Image.open(io.BytesIO(content), formats=HEADED) as image:
            return (image.size,) * int(getattr(image, "n_frames", 1))
    except Exception:  # Pillow and NumPy raise many kinds for damaged files; the server says what is wrong with them
        return ((len(content), 1),)


def _sides_of_npy(file: io.BytesIO) -> tuple[tuple[int, int], ...]:
    version = npy_format.read_magic(file)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape = read(file)[0]
    height, width = shape[:2] if len(shape) == 3 and shape[-1] == 1 else shape[-2:]
    return ((width, height),) * int(np.prod(shape) // max(1, width * height))
