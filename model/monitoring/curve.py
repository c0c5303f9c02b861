"""The picture of a run: loss and held-out scores over its steps."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from model.files import write_atomically
from model.monitoring.log import Row

CURVE_FILE: Final = "curve.png"
SIZE: Final = (8.0, 4.5)  # inches
LOSS, IOU, PD = "#888888", "#0072b2", "#d55e00"  # colour-blind readers can distinguish them, too


def draw_curve(out: Path, rows: Sequence[Row], best_step: int | None) -> None:
    """Write ``curve.png`` into ``out``, with a mark at the step of the best weights.

    Raises:
        OSError: the file cannot be written.
    """
    figure = Figure(SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel="step", ylabel="loss")
    axes.plot([row.step for row in rows], [row.loss for row in rows], color=LOSS, label="loss")
    scored = [row for row in rows if not math.isnan(row.iou)]
    if scored:
        shares = axes.twinx()
        shares.set(ylabel="held-out frames", ylim=(0, 1.02))
        steps = [row.step for row in scored]
        shares.plot(steps, [row.iou for row in scored], color=IOU, marker=".", label="IoU")
        shares.plot(steps, [row.pd for row in scored], color=PD, marker=".", label="Pd")
        if best_step is not None:
            shares.axvline(best_step, color=IOU, linestyle=":", label=f"best weights: step {best_step}")
    figure.legend(loc="outside upper center", ncols=4)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_atomically(out / CURVE_FILE, buffer.getvalue())
