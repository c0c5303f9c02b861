"""Frames without targets, cut out of a dataset, to measure false alarms: every detection there is false.

python -m benchmarks.accuracy.empty_frames datasets/NUAA-SIRST --out empty/NUAA-SIRST
rrcanet evaluate MODEL --data empty/NUAA-SIRST --split test
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.data.dataset import DataError, FrameFolder
from model.data.layouts import LAYOUTS
from service.commands.progress import progress

SIDES: Final = (256, 192, 128)  # of windows; the first that fits between the targets of a frame
MARGIN: Final = 16  # pixels between a window and any pixel of a mask


class Window(NamedTuple):
    """Position and size of a window, in pixels of the frame."""

    top: int
    left: int
    height: int
    width: int


@click.command(epilog="Example: python -m benchmarks.accuracy.empty_frames datasets/IRSTD-1k --out empty/IRSTD-1k")
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the new dataset."
)
@click.option("--split", default="test", show_default=True, help="Frames of DATA to cut.")
@click.option("--per-frame", type=click.IntRange(1), default=4, show_default=True, help="Most windows of a frame.")
def empty_frames_command(data: Path, out: Path, split: str, per_frame: int) -> None:
    """Cut windows out of the frames of DATA, at least 16 pixels from any target; OUT gets them as its split `test`.

    Windows of one frame do not overlap. Their sides are 256 pixels, or 192 or 128 where the targets leave less
    room. Where a frame is narrower (at least 128 pixels), a window takes its whole width.
    """
    try:
        if out.exists() and any(out.iterdir()):
            raise DataError(f"{out} is not empty")
        folder = FrameFolder(data, split)
        names = cut(folder, out, per_frame)
    except (DataError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{len(names)} windows without a target, of {len(folder)} frames, in {out}")


def cut(folder: FrameFolder, out: Path, per_frame: int) -> list[str]:
    """Write windows, empty masks and ``test.txt``; returns the names of the windows.

    Raises:
        DataError: no window fits in any frame.
        OSError: a frame cannot be read or written.
    """
    images, masks = (out / part for part in (LAYOUTS[0].images, LAYOUTS[0].masks))
    for part in (images, masks):
        part.mkdir(parents=True, exist_ok=True)
    names = []
    for name in progress(folder.names, len(folder), "cutting", "frame"):
        sample = folder.load(name)
        for top, left, height, width in windows(sample.mask, per_frame):
            names.append(f"{name}_{top}_{left}")
            _write(images / names[-1], sample.counts[top : top + height, left : left + width])
            Image.new("L", (width, height)).save(masks / f"{names[-1]}.png")
    if not names:
        raise DataError(f"no window of {SIDES[-1]} pixels fits between the targets of any frame of {folder.root}")
    (out / "test.txt").write_text("".join(f"{name}\n" for name in names))
    return names


def _write(path: Path, counts: NDArray[np.generic]) -> None:
    """Write a PNG, or a TIFF of float32 for counts that PNG cannot hold."""
    integers = counts.dtype in (np.uint8, np.uint16)
    image = Image.fromarray(counts if integers else counts.astype(np.float32))
    image.save(path.with_name(f"{path.name}.{'png' if integers else 'tif'}"))


def windows(mask: NDArray[np.bool_], number: int) -> list[Window]:
    """The first ``number`` windows beside the targets of ``mask [H, W]``, of the largest side that fits."""
    if min(mask.shape) < SIDES[-1]:
        return []
    sizes = ((min(side, mask.shape[0]), min(side, mask.shape[1])) for side in SIDES)
    found = (list(islice(_clear(mask, *size), number)) for size in sizes)
    return next(filter(None, found), [])


def _clear(mask: NDArray[np.bool_], height: int, width: int) -> Iterator[Window]:
    """Windows that overlap neither the surroundings of a target nor each other."""
    free = _target_pixels(mask, height, width) == 0
    while free.any():
        top, left = np.unravel_index(int(free.argmax()), free.shape)
        free[max(0, top - height + 1) : top + height, max(0, left - width + 1) : left + width] = False
        yield Window(int(top), int(left), height, width)


def _target_pixels(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.int64]:
    """For each top left corner of a window: the pixels of ``mask`` inside the window or nearer than ``MARGIN``."""
    rows, columns = height + 2 * MARGIN, width + 2 * MARGIN
    sums = np.pad(np.pad(mask, MARGIN).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return np.asarray(sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns])


if __name__ == "__main__":
    empty_frames_command(prog_name="python -m benchmarks.accuracy.empty_frames")
