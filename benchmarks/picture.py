"""A picture of a frame and, beside it, the targets found in it: ``python -m benchmarks.picture FRAME PICTURE.png``.

``docs/images/detection.png`` shows the frame that the README sends:
``rrcanet simulate scenes --count 8 --bits 14``, then
``python -m benchmarks.picture scenes/images/scene_0004.png docs/images/detection.png``.
"""

from pathlib import Path
from typing import Final

import click
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from service.detection.detector import Detection
from service.detection.options import Options
from service.errors import ServiceError
from service.frames import Budget, Frame, decode_file
from service.models.repository import load_detector
from service.pretrained import DEFAULT
from service.runtime import Device

COLOUR: Final = "#ff5c39"
MARGIN: Final = 3  # pixels of the frame between a target's box and what is drawn around it
MOST_PIXELS: Final = 2**24
EDGE: Final = 25  # pixels: a target nearer to the right edge has its label on its left


@click.command()
@click.argument("frame", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("picture", type=click.Path(dir_okay=False, path_type=Path))
def main(frame: Path, picture: Path) -> None:
    """Draw the first frame of the file FRAME and the targets found in it, and write PICTURE."""
    read = decode_file(frame.read_bytes(), Budget(1, MOST_PIXELS))[0]
    if isinstance(read, ServiceError):
        raise click.ClickException(read.detail)
    detection = load_detector(DEFAULT, Device.CPU).detect(read, Options())
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.1), dpi=100, layout="constrained")
    _draw_frame(left, read, "a simulated 14-bit frame")
    _draw_frame(right, read, "the targets found, with their confidence")
    _draw_targets(right, detection)
    figure.savefig(picture, metadata={"Software": None})


def _draw_frame(axes: Axes, frame: Frame, title: str) -> None:
    axes.imshow(frame.counts, cmap="gray", interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.set_axis_off()


def _draw_targets(axes: Axes, detection: Detection) -> None:
    for target in detection.found.targets:
        x, y, width, height = target.bbox
        corner = (x - MARGIN - 0.5, y - MARGIN - 0.5)
        sides = (width + 2 * MARGIN, height + 2 * MARGIN)
        axes.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=COLOUR, linewidth=1.5))
        is_left = x + EDGE > detection.info.width
        axes.annotate(
            f"{target.confidence:.2f}",
            (corner[0] if is_left else corner[0] + sides[0], y + height / 2),
            (-4 if is_left else 4, 0),
            textcoords="offset points",
            color=COLOUR,
            ha="right" if is_left else "left",
            va="center",
            fontsize=10,
        )


if __name__ == "__main__":
    main()
