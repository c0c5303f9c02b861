"""Plots as inline SVG, drawn by matplotlib. They need no other file, no script and no font."""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from export.evaluation.groups import Group
from model.scoring.calibration import Bin
from model.scoring.curves import PrecisionRecall, Roc
from model.scoring.sweep import THRESHOLDS, Sweep

SIZE: Final = (4.8, 3.6)  # inches
LINE, MARK, FAINT = "#0072b2", "#d55e00", "#888888"  # colour-blind readers can distinguish them, too
NO_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}
LINEAR_FA, LINEAR_RATE = 0.1, 1e-6  # logarithmic axes are linear between zero and this value
STEPS: Final = 1000  # points of a curve that are closer than 1 / STEPS of an axis are drawn once


class Plot:
    """One pair of axes."""

    def __init__(self, x: str, y: str, title: str = "") -> None:
        self.figure = Figure(SIZE, layout="constrained")
        self.axes: Axes = self.figure.add_subplot()
        self.axes.set(xlabel=x, ylabel=y, title=title, ylim=(-0.02, 1.02))
        self.svg = ""

    def logarithmic(self, down_to: float) -> None:
        """Make the x axis logarithmic down to ``down_to`` and linear from there to zero."""
        self.axes.set_xscale("symlog", linthresh=down_to)
        self.axes.xaxis.set_major_formatter("{x:g}")  # the default draws powers as formulas, which is very slow


@contextmanager
def _plot(x: str, y: str, title: str = "") -> Iterator[Plot]:
    """A plot to draw into. Its ``svg`` is set when the block ends."""
    with _style():
        plot = Plot(x, y, title)
        yield plot
        plot.svg = _svg(plot.figure)


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "svg.fonttype": "none",  # text is stored as text, which is smaller and can be searched
            "svg.hashsalt": "rrcanet",  # equal plots give equal bytes
            "font.family": "sans-serif",
            "font.size": 9,
            "axes.titlesize": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#dddddd",
        }
    )


def detection_roc(sweep: Sweep, pd: float, fa_identity: float) -> str:
    """Pd against Fa over all thresholds, with a mark at the model's own threshold."""
    with _plot("false alarms: pixels per million, by identity", "Pd") as plot:
        x, y = sweep.fa_identity(), sweep.pd()
        plot.axes.plot(x, y, color=LINE, marker=".", label="thresholds")
        plot.axes.plot([fa_identity], [pd], color=MARK, marker="o", linestyle="none", label="threshold of the model")
        for threshold in (0.01, 0.5, 0.99):
            index = THRESHOLDS.index(threshold)
            plot.axes.annotate(
                f"{threshold:g}", (x[index], y[index]), (4, -11), textcoords="offset points", color=FAINT
            )
        plot.logarithmic(LINEAR_FA)
        plot.axes.set_xlim(left=0)
        plot.axes.legend(loc="lower right")
    return plot.svg


def pixel_roc(curve: Roc) -> str:
    """True positive rate against false positive rate of pixels."""
    with _plot("false positive rate of pixels", "true positive rate of pixels", f"AUC {curve.auc:.4f}") as plot:
        x, y = curve.false_positive_rate, curve.true_positive_rate
        visible = _distinct(np.log10(np.maximum(x, LINEAR_RATE / 10)) / 7, y)
        plot.axes.plot(x[visible], y[visible], color=LINE)
        plot.logarithmic(LINEAR_RATE)
        plot.axes.set_xlim(0, 1)
    return plot.svg


def precision_recall(curve: PrecisionRecall, precision: float, recall: float) -> str:
    """Precision against recall of pixels, with a mark at the model's own threshold."""
    title = f"average precision {curve.average_precision:.4f}"
    with _plot("recall of pixels", "precision of pixels", title) as plot:
        visible = _distinct(curve.recall, curve.precision)
        plot.axes.plot(curve.recall[visible], curve.precision[visible], color=LINE, label="thresholds")
        plot.axes.plot([recall], [precision], color=MARK, marker="o", linestyle="none", label="threshold of the model")
        plot.axes.set_xlim(0, 1.02)
        plot.axes.legend(loc="lower left")
    return plot.svg


def reliability_plot(bins: Sequence[Bin], calibration_error: float) -> str:
    """Share of predicted objects that are real against their mean confidence, by bin."""
    with _plot("confidence given", "share that is real", f"calibration error {calibration_error:.3f}") as plot:
        plot.axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="perfect calibration")
        x, y = [one.confidence for one in bins], [one.share for one in bins]
        plot.axes.plot(x, y, color=LINE, marker="o", label="measured")
        plot.axes.set_xlim(0, 1.02)
        plot.axes.legend(loc="upper left")
    return plot.svg


def pd_by_group(groups: Sequence[Group], what: str) -> str:
    """Pd of each group with its 95 % interval. Labels name the group and its number of targets."""
    drawn = [group for group in groups if group.targets]
    with _plot(what, "Pd") as plot:
        places, heights = np.arange(len(drawn)), np.array([group.pd for group in drawn])
        errors = np.abs(np.array([group.interval() for group in drawn]).T - heights)
        plot.axes.bar(places, heights, yerr=errors, color=LINE, ecolor="#222222", capsize=3)
        plot.axes.set_xticks(places, [f"{group.label}\n({group.targets})" for group in drawn])
    return plot.svg


def _distinct(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``[T]``: points that differ visibly from the one before. First and last point are always kept."""
    cells = np.rint(np.stack([x, y]) * STEPS)
    visible = np.ones(len(x), np.bool_)
    visible[1:-1] = (np.diff(cells, axis=1) != 0).any(axis=0)[:-1]
    return visible


def _svg(figure: Figure) -> str:
    """The ``svg`` element without namespaces, which name other sites, and without ids, which would repeat on a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    return re.sub(r' id="[a-z0-9.]+(_\d+)+"', "", text)
