"""What a report says, part by part; needs matplotlib."""

import numpy as np
from numpy.typing import NDArray

from export.evaluation.details import Study
from export.evaluation.evaluate import FrameResult
from export.evaluation.grid import Grid, counts_on_grid, mask_on_grid
from export.evaluation.groups import Group, by_area, by_contrast
from export.report import plots
from export.report.page import Picture, Section
from export.report.pictures import LEGEND, panels, reason, worst
from export.report.report import Report
from export.report.table import Table, shown
from model.data.dataset import FrameFolder
from model.scoring.calibration import reliability
from model.scoring.curves import precision_recall, roc
from model.scoring.metrics import Counts
from model.scoring.sweep import THRESHOLDS, Sweep

DEFINITIONS = (
    "A target is an 8-connected object of the mask. It is detected where the centroid of a predicted object that no "
    "earlier target claimed lies nearer than 3 pixels; Pd is the share of targets detected. Fa counts the pixels of "
    "predicted objects per million pixels of all frames: by identity those of every object that no target claims, "
    "legacy only those whose area is not that of a claimed object of the same frame, as published numbers have it. "
    "An object that no target claims is a false object. "
    "IoU is taken over the pixels of all frames together, nIoU is the mean over frames with a target or a prediction."
)
ON_THRESHOLDS = (
    "Pixels above the threshold are predicted. At low thresholds neighbours merge and centroids move, so Pd may fall "
    "where Fa rises. Probabilities of pixels count in steps of 1/65535."
)


def scores_section(report: Report) -> Section:
    """The table that the command prints."""
    return Section("Scores", DEFINITIONS, table=report.table())


def threshold_section(report: Report, sweep: Sweep) -> Section:
    """Pd against Fa."""
    megapixels = max(sweep.pixels, 1) / 1e6
    rows = tuple(
        (f"{threshold:g}", shown(100 * pd), f"{fa:.2f}", f"{false / megapixels:.2f}")
        for threshold, pd, fa, false in zip(
            THRESHOLDS, sweep.pd(), sweep.fa_identity(), sweep.false_objects, strict=True
        )
    )
    table = Table(("threshold", "Pd %", "Fa identity e-6", "false objects / Mpx"), rows)
    drawn = (plots.detection_roc(sweep, report.scores.pd, report.scores.fa_identity),) if sweep.targets else ()
    return Section("Detection over thresholds", ON_THRESHOLDS, drawn, table)


def pixel_section(study: Study, total: Counts) -> Section:
    """ROC and precision-recall over pixels."""
    of_roc, of_precision = roc(study.histogram), precision_recall(study.histogram)
    if of_roc is None or of_precision is None:
        return Section("Pixels", "No such curves: the frames hold no target pixel, or nothing else.")
    precision = total.intersection / total.predicted_area if total.predicted_area else 1.0
    recall = total.intersection / total.true_area
    cells = (of_roc.auc, of_precision.average_precision, precision, recall)
    head = ("ROC AUC", "average precision", "precision at the model's threshold", "recall at the model's threshold")
    table = Table(head, (tuple(f"{cell:.4f}" for cell in cells),))
    drawn = (plots.pixel_roc(of_roc), plots.precision_recall(of_precision, precision, recall))
    return Section("Pixels", "", drawn, table)


def reliability_section(confidences: NDArray[np.float64], real: NDArray[np.bool_], calibration_error: float) -> Section:
    """Whether confidences can be believed."""
    bins = reliability(confidences, real)
    if not bins:
        return Section("Reliability of confidence", "Nothing was found, so no confidence was given.")
    rows = tuple((f"{one.confidence:.3f}", f"{one.share:.3f}", str(one.targets)) for one in bins)
    text = (
        f"Calibration error {calibration_error:.3f}: the mean distance between the confidence of predicted objects "
        "and the share of them that a target claims, over bins of about equal count."
    )
    table = Table(("mean confidence", "share that is real", "predicted objects"), rows)
    return Section("Reliability of confidence", text, (plots.reliability_plot(bins, calibration_error),), table)


def size_section(study: Study) -> Section:
    """Pd by area."""
    areas, _, detected = study.targets()
    return _groups("Pd by target size", "", by_area(areas, detected), "target area, pixels")


def contrast_section(study: Study) -> Section:
    """Pd by local contrast."""
    _, contrasts, detected = study.targets()
    text = (
        "Contrast is the signal-to-clutter ratio: the mean of a target less the mean of its surroundings (20 pixels "
        "around its box, without targets), over their standard deviation."
    )
    return _groups("Pd by local contrast", text, by_contrast(contrasts, detected), "signal-to-clutter ratio")


def worst_section(folder: FrameFolder, grid: Grid, results: list[FrameResult], study: Study, number: int) -> Section:
    """The ``number`` frames with most faults, as pictures."""
    chosen = worst(results, number)
    if not chosen:
        return Section("Worst frames", "No frame has a fault." if number else "None was asked for.")
    pictures = []
    for result in chosen:
        sample = folder.load(result.name)
        counts, mask = counts_on_grid(sample.counts, grid), mask_on_grid(sample.mask, grid)
        png = panels(counts, mask, study.prediction(result.name, mask.shape))
        pictures.append(Picture(png, f"{result.name}: {reason(result.counts)}"))
    rows = tuple((result.name, reason(result.counts)) for result in chosen)
    return Section("Worst frames", LEGEND, table=Table(("frame", "why"), rows), pictures=tuple(pictures))


def _groups(title: str, text: str, groups: tuple[Group, ...], what: str) -> Section:
    rows = []
    for group in groups:
        low, high = (f"{100 * end:.1f}" for end in group.interval())
        measured = (f"{100 * group.pd:.2f}", f"{low} to {high}") if group.targets else ("-", "-")
        rows.append((group.label, str(group.targets), str(group.detected), *measured))
    table = Table((what, "targets", "detected", "Pd %", "95 % interval"), tuple(rows))
    return Section(title, text, (plots.pd_by_group(groups, what),) if any(g.targets for g in groups) else (), table)
