"""Scores as people and programs read them."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from export.evaluation.grid import Grid
from export.report.table import Table, shown
from model.scoring.metrics import Scores


@dataclass(frozen=True, slots=True)
class Report:
    """Scores of one model on one split; ``calibration_error`` is NaN where nothing was found."""

    model: str
    dataset: str
    split: str
    grid: Grid
    range: str  # counts to intensity, as the service's parameter has it
    scores: Scores
    calibration_error: float

    def table(self) -> Table:
        """One row; ratios in percent, Fa in pixels per million, a dash where a score is not defined."""
        s = self.scores
        cells = {
            "data set": self.dataset,
            "split": self.split,
            "grid": self.grid.value,
            "range": self.range,
            "frames": f"{s.frames}",
            "targets": f"{s.targets}",
            "IoU %": shown(100 * s.iou),
            "nIoU %": shown(100 * s.niou),
            "F1 %": shown(100 * s.f1),
            "Pd %": shown(100 * s.pd),
            "Fa identity e-6": shown(s.fa_identity),
            "Fa legacy e-6": shown(s.fa_legacy),
            "false objects / Mpx": shown(s.false_objects_per_megapixel),
            "frames with a false object %": shown(100 * s.alarmed_frames),
            "centroid error px": shown(s.centroid_error, 3),
            "calibration error": shown(self.calibration_error, 3),
        }
        return Table(tuple(cells), (tuple(cells.values()),))

    def markdown(self) -> str:
        """The table."""
        return self.table().markdown()

    def as_json(self) -> dict[str, Any]:
        """The same, in full precision; None where a score is not defined."""
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
    """JSON knows no NaN."""
    return None if math.isnan(value) else value
