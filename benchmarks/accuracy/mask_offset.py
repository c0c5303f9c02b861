"""The offset between the masks of a dataset and the light that they mark: a habit of its annotators or simulation.

python -m benchmarks.accuracy.mask_offset datasets/IRSTD-1k --split train
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from model.data.dataset import DataError, FrameFolder, Sample

MARGIN: Final = 4  # pixels around a target that show its background
LARGEST: Final = 100  # pixels of a mask: larger targets have a shape, and their light is uneven
FLOOR: Final = 0.3  # of the target's peak over the background: lower values count as background
FARTHEST: Final = 3.0  # pixels: light at a greater offset belongs to something else


@click.command(epilog="Example: python -m benchmarks.accuracy.mask_offset datasets/IRSTD-1k --split train")
@click.argument("data", type=click.Path(path_type=Path), metavar="DATA")
@click.option("--split", default="train", show_default=True)
def mask_offset_command(data: Path, split: str) -> None:
    """Print the mean offset from mask to light, in pixels between centroids, over the small targets of DATA."""
    try:
        folder = FrameFolder(data, split)
        found = np.array([offset for name in folder.names for offset in offsets(folder.load(name))])
    except DataError as error:
        raise click.ClickException(str(error)) from error
    if len(found) < 2:
        raise click.ClickException(f"{data} has no small targets")
    mean, error_of_mean = found.mean(0), found.std(0) / np.sqrt(len(found))
    click.echo(f"{len(found)} targets: offset of the light from its mask:", nl=False)
    click.echo(
        ",".join(f" {m:+.3f} +- {e:.3f} in {axis}" for axis, m, e in zip("yx", mean, error_of_mean, strict=True))
    )


def offsets(sample: Sample) -> Iterator[NDArray[np.float64]]:
    """The offset (y, x) ``[2]`` of each small target whose surroundings lie inside the frame."""
    labels, _ = ndimage.label(sample.mask, np.ones((3, 3)))
    for label, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        around = tuple(slice(side.start - MARGIN, side.stop + MARGIN) for side in (rows, columns))
        mask = labels[around] == label
        inside = all(side.start >= 0 and side.stop <= n for side, n in zip(around, labels.shape, strict=True))
        if not inside or mask.sum() > LARGEST:
            continue
        counts = sample.counts[around].astype(np.float64)
        height = counts - np.median(counts)
        light = np.clip(height - FLOOR * height.max(), 0, None)
        if light.any():
            offset = np.subtract(ndimage.center_of_mass(light), ndimage.center_of_mass(mask))
            if np.hypot(*offset) < FARTHEST:
                yield offset


if __name__ == "__main__":
    mask_offset_command(prog_name="python -m benchmarks.accuracy.mask_offset")
