"""The accuracy that padding to few sizes and cutting into windows cost: the same frames in three ways.

``tight`` pads to a multiple of the network's stride. ``listed`` is what the service does. ``cut`` cuts every frame into
windows of at most ``--longest`` pixels a side, as the service does with much larger frames. With ``--cut-outs`` a part
of random size replaces each frame: targets then lie at borders, and sides are not in the service's list of sizes.

    python -m benchmarks.accuracy.windows service/pretrained/rrcanet.onnx --data datasets/NUAA-SIRST
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from model.data.dataset import FrameFolder
from model.scoring.metrics import Counts, count_frame, score
from service.commands.progress import progress
from service.detection.windows import Stretch, Window, join, rounded_up, windows_of
from service.runtime import Device, Runtime

Image = NDArray[np.float32]
Ways = dict[str, Callable[[int, int], list[Window]]]
WAYS = ("tight", "listed", "cut")
SMALLEST_SHARE = 0.55  # of a frame's side that a cut-out keeps


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--split", default="test", show_default=True)
@click.option("--device", type=click.Choice([one.value for one in Device]), default="cpu", show_default=True)
@click.option("--cut-outs", is_flag=True, help="Score parts of the frames, of random size.")
@click.option("--longest", default=256, show_default=True, help="Longest side of a window of the way `cut`, pixels.")
@click.option("--way", "only", multiple=True, type=click.Choice(WAYS), help="Measure only this way; may be repeated.")
@click.option("--limit", type=int, help="Number of frames to score; all by default.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the scores there.")
def main(
    model: Path,
    data: Path,
    split: str,
    device: str,
    cut_outs: bool,
    longest: int,
    only: tuple[str, ...],
    limit: int | None,
    json_file: Path | None,
) -> None:
    """Score MODEL on the same frames in three ways of padding and cutting."""
    runtime, folder = Runtime(model, Device(device)), FrameFolder(data, split)
    stride = runtime.card.stride
    ways: Ways = {
        "tight": lambda height, width: [_tight(height, width, stride)],
        "listed": lambda height, width: windows_of(height, width, stride),
        f"cut {longest}": lambda height, width: windows_of(height, width, stride, longest),
    }
    ways = {name: way for name, way in ways.items() if not only or name.split()[0] in only}
    totals = dict.fromkeys(ways, Counts())
    draw = np.random.default_rng(0)
    names = folder.names[:limit]
    for name in progress(names, len(names), "scoring", "frame"):
        sample = folder.load(name)
        image, mask, valid = sample.intensities(), sample.mask, np.isfinite(sample.counts)
        if cut_outs:
            part = _cut_out(image.shape, draw)
            image, mask, valid = np.ascontiguousarray(image[part]), mask[part], valid[part]
        counted: dict[tuple[Window, ...], Counts] = {}  # two ways are the same for frames of a listed size
        for way, windows in ways.items():
            cut = tuple(windows(*image.shape))
            if cut not in counted:
                found = _probabilities(runtime, image, cut) > runtime.card.threshold
                counted[cut] = count_frame(found & valid, mask)
            totals[way] += counted[cut]
    _report(totals, data.name + (" cut-outs" if cut_outs else ""), json_file)


def _probabilities(runtime: Runtime, image: Image, windows: Sequence[Window]) -> Image:
    answers = (runtime.probabilities(window.cut(image))[0] for window in windows)
    return join(windows, answers, *image.shape)


def _tight(height: int, width: int, stride: int) -> Window:
    rows, columns = (Stretch(0, side, 0, side, rounded_up(side, stride)) for side in (height, width))
    return Window(rows, columns)


def _cut_out(shape: tuple[int, ...], draw: np.random.Generator) -> tuple[slice, ...]:
    sides = [int(side * draw.uniform(SMALLEST_SHARE, 1)) for side in shape]
    top, left = (int(draw.integers(0, whole - part + 1)) for whole, part in zip(shape, sides, strict=True))
    return np.s_[top : top + sides[0], left : left + sides[1]]


def _report(totals: dict[str, Counts], title: str, json_file: Path | None) -> None:
    frames = next(iter(totals.values())).frames
    click.echo(f"{title}, {frames} frames\n{'':10s} IoU %   detected  Fa identity  Fa legacy (1e-6)")
    rows = {}
    for way, counts in totals.items():
        scores = score([counts])
        rows[way] = {
            "iou": 100 * scores.iou,
            "detected": counts.detected,
            "targets": counts.targets,
            "fa_identity": scores.fa_identity,
            "fa_legacy": scores.fa_legacy,
        }
        detected = f"{counts.detected}/{counts.targets}"
        click.echo(
            f"{way:10s} {100 * scores.iou:5.2f} {detected:>10s} {scores.fa_identity:12.2f} {scores.fa_legacy:10.2f}"
        )
    if json_file:
        json_file.write_text(json.dumps({"title": title, "frames": frames, "ways": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
