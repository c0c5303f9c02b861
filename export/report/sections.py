"""The sections of a report. This module needs matplotlib."""

import numpy as np
from numpy.typing import NDArray

from export.evaluation.details import Details
from export.evaluation.evaluate import FrameResult
from export.evaluation.grid import Grid, counts_on_grid, mask_on_grid
from export.evaluation.groups import Group, by_area, by_contrast
from export.report import plots
from export.report.page import Picture, Section
from export.report.pictures import LEGEND, describe_faults, draw_panels, worst_frames
from export.report.report import Report
from export.report.table import Table, format_score
from model.data.dataset import FrameFolder
from model.scoring.calibration import chance_error, reliability
from model.scoring.curves import precision_recall, roc
from model.scoring.metrics import Counts
from model.scoring.sweep import THRESHOLDS, Sweep

DEFINITIONS = (
    "A target is an 8-connected object of the true mask. It is detected if the centroid of a predicted object lies "
    "closer than 3 pixels to its own centroid; each target claims at most one object, and each object is claimed at "
    "most once. Pd is the share of detected targets. A predicted object that no target claims is a false object. Fa "
    "counts pixels per million pixels of all frames. Fa by identity counts the pixels of all false objects. Legacy Fa, "
    "which published numbers use, skips false objects whose area equals that of a claimed object of the same frame. "
    "IoU is computed over the pixels of all frames; nIoU is the mean over frames with a target or a prediction."
)
ON_THRESHOLDS = (
    "Pixels above the threshold are predicted. At low thresholds neighbouring objects merge and centroids move, so Pd "
    "may fall while Fa rises. Probabilities of pixels are rounded to multiples of 1/65535."
)


def scores_section(report: Report) -> Section:
    """The definitions and the table that the command prints."""
    return Section("Scores", DEFINITIONS, table=report.table())


def threshold_section(report: Report, sweep: Sweep) -> Section:
    """Pd and Fa over thresholds."""
    megapixels = max(sweep.pixels, 1) / 1e6
    rows = tuple(
        (f"{threshold:g}", format_score(100 * pd), f"{fa:.2f}", f"{false / megapixels:.2f}")
        for threshold, pd, fa, false in zip(
            THRESHOLDS, sweep.pd(), sweep.fa_identity(), sweep.false_objects, strict=True
        )
    )
    table = Table(("threshold", "Pd %", "Fa identity e-6", "false objects / Mpx"), rows)
    drawn = (plots.detection_roc(sweep, report.scores.pd, report.scores.fa_identity),) if sweep.targets else ()
    return Section("Detection over thresholds", ON_THRESHOLDS, drawn, table)


def pixel_section(details: Details, total: Counts) -> Section:
    """ROC and precision-recall over pixels."""
    of_roc, of_precision = roc(details.histogram), precision_recall(details.histogram)
    if of_roc is None or of_precision is None:
        return Section("Pixels", "There are no curves: the frames hold no target pixel, or only target pixels.")
    precision = total.intersection / total.predicted_area if total.predicted_area else 1.0
    recall = total.intersection / total.true_area
    cells = (of_roc.auc, of_precision.average_precision, precision, recall)
    head = ("ROC AUC", "average precision", "precision at the model's threshold", "recall at the model's threshold")
    table = Table(head, (tuple(f"{cell:.4f}" for cell in cells),))
    drawn = (plots.pixel_roc(of_roc), plots.precision_recall(of_precision, precision, recall))
    return Section("Pixels", "", drawn, table)


def reliability_section(confidences: NDArray[np.float64], real: NDArray[np.bool_], calibration_error: float) -> Section:
    """Confidence against the share of predicted objects that are real."""
    bins = reliability(confidences, real)
    if not bins:
        return Section("Reliability of confidence", "Nothing was found, so no confidence was given.")
    rows = tuple((f"{one.confidence:.3f}", f"{one.share:.3f}", str(one.targets)) for one in bins)
    mean, most = chance_error(confidences)
    text = (
        f"Calibration error {calibration_error:.3f}: the mean difference between the confidence of predicted objects "
        "and the share of them that a target claims, over bins of about equal count. Confidences that are exactly "
        f"right would have {mean:.3f} by chance with as many objects, and more than {most:.3f} in one of twenty cases."
    )
    table = Table(("mean confidence", "share that is real", "predicted objects"), rows)
    return Section("Reliability of confidence", text, (plots.reliability_plot(bins, calibration_error),), table)


def size_section(details: Details) -> Section:
    """Pd by target area."""
    areas, _, detected = details.targets()
    return _groups("Pd by target size", "", by_area(areas, detected), "target area, pixels")


def contrast_section(details: Details) -> Section:
    """Pd by local contrast."""
    _, contrasts, detected = details.targets()
    text = (
        "Contrast is the signal-to-clutter ratio: the difference between the mean of a target and the mean of its "
        "surroundings (20 pixels around its box, without targets), divided by their standard deviation."
    )
    return _groups("Pd by local contrast", text, by_contrast(contrasts, detected), "signal-to-clutter ratio")


def worst_section(
    folder: FrameFolder, grid: Grid, results: list[FrameResult], details: Details, number: int
) -> Section:
    """The ``number`` frames with most faults, as pictures."""
    chosen = worst_frames(results, number)
    if not chosen:
        return Section("Worst frames", "No frame has a fault." if number else "No pictures were requested.")
    pictures = []
    for result in chosen:
        sample = folder.load(result.name)
        counts, mask = counts_on_grid(sample.counts, grid), mask_on_grid(sample.mask, grid)
        png = draw_panels(counts, mask, details.prediction(result.name, mask.shape))
        pictures.append(Picture(png, f"{result.name}: {describe_faults(result.counts)}"))
    rows = tuple((result.name, describe_faults(result.counts)) for result in chosen)
    return Section("Worst frames", LEGEND, table=Table(("frame", "why"), rows), pictures=tuple(pictures))


def _groups(title: str, text: str, groups: tuple[Group, ...], what: str) -> Section:
    rows = []
    for group in groups:
        low, high = (f"{100 * end:.1f}" for end in group.interval())
        measured = (f"{100 * group.pd:.2f}", f"{low} to {high}") if group.targets else ("-", "-")
        rows.append((group.label, str(group.targets), str(group.detected), *measured))
    table = Table((what, "targets", "detected", "Pd %", "95 % interval"), tuple(rows))
    return Section(title, text, (plots.pd_by_group(groups, what),) if any(g.targets for g in groups) else (), table)
