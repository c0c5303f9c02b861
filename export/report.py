"""Scores as people and programs read them."""

from dataclasses import asdict, dataclass
from typing import Any

from export.grid import Grid
from export.table import Table
from model.metrics import Scores


@dataclass(frozen=True, slots=True)
class Report:
    """Scores of one model on one split; ``calibration_error`` is NaN where nothing was found."""

    model: str
    dataset: str
    split: str
    grid: Grid
    scores: Scores
    calibration_error: float

    def table(self) -> Table:
        """One row; ratios in percent, Fa in pixels per million."""
        s = self.scores
        cells = {
            "data set": self.dataset,
            "split": self.split,
            "grid": self.grid.value,
            "frames": f"{s.frames}",
            "targets": f"{s.targets}",
            "IoU %": f"{100 * s.iou:.2f}",
            "nIoU %": f"{100 * s.niou:.2f}",
            "F1 %": f"{100 * s.f1:.2f}",
            "Pd %": f"{100 * s.pd:.2f}",
            "Fa identity e-6": f"{s.fa_identity:.2f}",
            "Fa legacy e-6": f"{s.fa_legacy:.2f}",
            "false objects / Mpx": f"{s.false_objects_per_megapixel:.2f}",
            "centroid error px": f"{s.centroid_error:.3f}",
            "calibration error": f"{self.calibration_error:.3f}",
        }
        return Table(tuple(cells), (tuple(cells.values()),))

    def markdown(self) -> str:
        """The table."""
        return self.table().markdown()

    def as_json(self) -> dict[str, Any]:
        """The same, in full precision."""
        return {
            "model": self.model,
            "dataset": self.dataset,
            "split": self.split,
            "grid": self.grid.value,
            "scores": asdict(self.scores),
            "calibration_error": self.calibration_error,
        }
