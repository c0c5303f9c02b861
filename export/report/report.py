"""Scores of an evaluation as a table and as JSON."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from export.evaluation.grid import Grid
from export.report.table import Table, format_score
from model.scoring.metrics import Scores


@dataclass(frozen=True, slots=True)
class Report:
    """Scores of one model on one split. ``calibration_error`` is NaN if the model found nothing."""

    model: str
    dataset: str
    split: str
    grid: Grid
    range: str  # how counts map to intensity, as a value of the service's parameter
    scores: Scores
    calibration_error: float

    def table(self) -> Table:
        """A table of one row: ratios in percent, Fa in pixels per million, a dash if a score is not defined."""
        s = self.scores
        cells = {
            "data set": self.dataset,
            "split": self.split,
            "grid": self.grid.value,
            "range": self.range,
            "frames": f"{s.frames}",
            "targets": f"{s.targets}",
            "IoU %": format_score(100 * s.iou),
            "nIoU %": format_score(100 * s.niou),
            "F1 %": format_score(100 * s.f1),
            "Pd %": format_score(100 * s.pd),
            "Fa identity e-6": format_score(s.fa_identity),
            "Fa legacy e-6": format_score(s.fa_legacy),
            "false objects / Mpx": format_score(s.false_objects_per_megapixel),
            "frames with a false object %": format_score(100 * s.alarmed_frames),
            "centroid error px": format_score(s.centroid_error, 3),
            "calibration error": format_score(self.calibration_error, 3),
        }
        return Table(tuple(cells), (tuple(cells.values()),))

    def markdown(self) -> str:
        """The table in Markdown."""
        return self.table().markdown()

    def as_json(self) -> dict[str, Any]:
        """The scores in full precision; None if a score is not defined."""
        return {
            "model": self.model,
            "dataset": self.dataset,
            "split": self.split,
            "grid": self.grid.value,
            "range": self.range,
            "scores": {name: _defined(value) for name, value in asdict(self.scores).items()},
            "calibration_error": _defined(self.calibration_error),
        }


def _defined(value: float) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if math.isnan(value) else value
