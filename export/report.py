"""Scores as people and programs read them."""

from dataclasses import asdict, dataclass
from typing import Any

from export.grid import Grid
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

    def markdown(self) -> str:
        """A table of one row; ratios in percent, Fa in pixels per million."""
        s = self.scores
        head = ["data set", "split", "grid", "frames", "targets", "IoU %", "nIoU %", "F1 %", "Pd %", "Fa identity e-6"]
        head += ["Fa legacy e-6", "false objects / Mpx", "centroid error px", "calibration error"]
        row = [self.dataset, self.split, self.grid.value, str(s.frames), str(s.targets)]
        row += [f"{100 * ratio:.2f}" for ratio in (s.iou, s.niou, s.f1, s.pd)]
        row += [f"{s.fa_identity:.2f}", f"{s.fa_legacy:.2f}", f"{s.false_objects_per_megapixel:.2f}"]
        row += [f"{s.centroid_error:.3f}", f"{self.calibration_error:.3f}"]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), row))

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
