"""Curves as inline SVG, drawn by matplotlib: no file beside the page, no script, no font to fetch."""

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
LINE, MARK, FAINT = "#0072b2", "#d55e00", "#888888"  # told apart by colour-blind readers too
NO_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}
LINEAR_FA, LINEAR_RATE = 0.1, 1e-6  # axes are logarithmic down to here, then linear to zero
STEPS: Final = 1000  # no curve is drawn finer than this share of an axis


class Plot:
    """One pair of axes."""

    def __init__(self, x: str, y: str, title: str = "") -> None:
        self.figure = Figure(SIZE, layout="constrained")
        self.axes: Axes = self.figure.add_subplot()
        self.axes.set(xlabel=x, ylabel=y, title=title, ylim=(-0.02, 1.02))
        self.svg = ""

    def logarithmic(self, down_to: float) -> None:
        """The x axis; zero is on it too."""
        self.axes.set_xscale("symlog", linthresh=down_to)
        self.axes.xaxis.set_major_formatter("{x:g}")  # powers set as formulas take longer than all the rest


@contextmanager
def _plot(x: str, y: str, title: str = "") -> Iterator[Plot]:
    """Draw within; ``svg`` is there afterwards."""
    with _style():
        plot = Plot(x, y, title)
        yield plot
        plot.svg = _svg(plot.figure)


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "svg.fonttype": "none",  # text stays text: small, and can be searched
            "svg.hashsalt": "rrcanet",  # the same curves give the same bytes
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
    """Pd against Fa over thresholds; the mark is the model's own."""
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
    """Share of target pixels found against share of other pixels taken for some."""
    with _plot("false positive rate of pixels", "true positive rate of pixels", f"AUC {curve.auc:.4f}") as plot:
        x, y = curve.false_positive_rate, curve.true_positive_rate
        seen = _distinct(np.log10(np.maximum(x, LINEAR_RATE / 10)) / 7, y)
        plot.axes.plot(x[seen], y[seen], color=LINE)
        plot.logarithmic(LINEAR_RATE)
        plot.axes.set_xlim(0, 1)
    return plot.svg


def precision_recall(curve: PrecisionRecall, precision: float, recall: float) -> str:
    """Precision against recall of pixels; the mark is the model's own threshold."""
    title = f"average precision {curve.average_precision:.4f}"
    with _plot("recall of pixels", "precision of pixels", title) as plot:
        seen = _distinct(curve.recall, curve.precision)
        plot.axes.plot(curve.recall[seen], curve.precision[seen], color=LINE, label="thresholds")
        plot.axes.plot([recall], [precision], color=MARK, marker="o", linestyle="none", label="threshold of the model")
        plot.axes.set_xlim(0, 1.02)
        plot.axes.legend(loc="lower left")
    return plot.svg


def reliability_plot(bins: Sequence[Bin], calibration_error: float) -> str:
    """Share of real targets against the confidence that they were given."""
    with _plot("confidence given", "share that is real", f"calibration error {calibration_error:.3f}") as plot:
        plot.axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", label="confidence kept")
        x, y = [one.confidence for one in bins], [one.share for one in bins]
        plot.axes.plot(x, y, color=LINE, marker="o", label="measured")
        plot.axes.set_xlim(0, 1.02)
        plot.axes.legend(loc="upper left")
    return plot.svg


def pd_by_group(groups: Sequence[Group], what: str) -> str:
    """Pd of each group with its 95 % interval; under its name the number of targets."""
    shown = [group for group in groups if group.targets]
    with _plot(what, "Pd") as plot:
        places, heights = np.arange(len(shown)), np.array([group.pd for group in shown])
        errors = np.abs(np.array([group.interval() for group in shown]).T - heights)
        plot.axes.bar(places, heights, yerr=errors, color=LINE, ecolor="#222222", capsize=3)
        plot.axes.set_xticks(places, [f"{group.label}\n({group.targets})" for group in shown])
    return plot.svg


def _distinct(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``[T]``: points that a reader can tell from the one before; the ends always stay."""
    cells = np.rint(np.stack([x, y]) * STEPS)
    seen = np.ones(len(x), np.bool_)
    seen[1:-1] = (np.diff(cells, axis=1) != 0).any(axis=0)[:-1]
    return seen


def _svg(figure: Figure) -> str:
    """The ``svg`` element alone; without what names other places, and ids that would occur in each plot of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    return re.sub(r' id="[a-z0-9.]+(_\d+)+"', "", text)
