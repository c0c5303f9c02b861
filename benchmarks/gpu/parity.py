"""Whether both model files find on the device what the float32 file finds on the CPU.

The test frames of each dataset are scored three times: float32 on the CPU, and both files on the device.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.gpu.models import Models
from benchmarks.gpu.schedule import Schedule, one_line
from export.evaluation.evaluate import evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource
from export.onnx.graph import PRECISIONS, Precision
from export.report.table import Table, format_score
from model.data.dataset import FrameFolder
from model.data.layouts import TEST
from model.scoring.metrics import Counts, score
from service.runtime import Device

IOU_POINTS: Final = 0.2  # greatest difference from float32 on the CPU: percent
TARGETS: Final = 1  # detected targets of a dataset
FALSE_ALARMS: Final = 1.0  # pixels in a million
REFERENCE: Final = ("fp32", Device.CPU)
DIFFERS: Final = "DIFFERS"


@dataclass(frozen=True, slots=True)
class Scored:
    """One model file on one device, over the test frames of one dataset; ``fault`` is why there are no counts."""

    dataset: str
    precision: Precision
    device: Device
    counts: Counts | None
    fault: str = ""

    @property
    def name(self) -> str:
        return f"{self.precision} on {self.device.value}"


def score_datasets(models: Models, datasets: Sequence[Path], device: Device, schedule: Schedule) -> Iterator[Scored]:
    """Float32 on the CPU first, then both files on the device, for each dataset."""
    runs = dict.fromkeys([REFERENCE, *((precision, device) for precision in PRECISIONS)])
    for folder in datasets:
        for precision, where in runs:
            if schedule.may_begin(f"parity, {precision} on {where.value}, {folder.name}"):
                try:
                    counts = score_frames(models.files[precision], folder, where)
                except Exception as error:  # every library has its own
                    yield Scored(folder.name, precision, where, None, one_line(error))
                else:
                    yield Scored(folder.name, precision, where, counts)


def score_frames(model: Path, folder: Path, device: Device) -> Counts:
    """Find targets in every test frame as the service does.

    Raises:
        DataError, SourceError, ModelFault: a frame or the device is missing, or a frame cannot be answered.
    """
    results = evaluate(FileSource(model, device), FrameFolder(folder, TEST), Grid.NATIVE)
    return sum((result.counts for result in results), Counts())


def verdicts(scored: Sequence[Scored]) -> list[str]:
    """For each: whether IoU, detected targets and false alarms lie within the limits above."""
    references = {one.dataset: one.counts for one in scored if (one.precision, one.device) == REFERENCE}
    return [_verdict(one, references.get(one.dataset)) for one in scored]


def parity_table(scored: Sequence[Scored]) -> str:
    """A row a dataset, model file and device; below it a line for each fault."""
    head = ("dataset", "frames", "model", "IoU %", "nIoU %", "Pd %", "detected", "Fa identity e-6", "verdict")
    rows = tuple((*_cells(one), verdict) for one, verdict in zip(scored, verdicts(scored), strict=True))
    faults = (f"- {one.name}, {one.dataset}: {one.fault}" for one in scored if one.fault)
    return "\n".join((Table(head, rows).markdown(), *faults))


def _verdict(one: Scored, reference: Counts | None) -> str:
    if one.counts is None:
        return DIFFERS
    if (one.precision, one.device) == REFERENCE:
        return "reference"
    if reference is None:
        return "no reference"
    own, expected = score([one.counts]), score([reference])
    points, false = 100 * (own.iou - expected.iou), own.fa_identity - expected.fa_identity
    targets = one.counts.detected - reference.detected
    # a score is NaN where no frame has a target: NaN on both sides is no difference, and NaN exceeds no limit
    differs = abs(points) > IOU_POINTS or abs(targets) > TARGETS or abs(false) > FALSE_ALARMS
    return DIFFERS if differs else "agrees"


def _cells(one: Scored) -> tuple[str, ...]:
    if one.counts is None:
        return (one.dataset, "-", one.name, "failed", "-", "-", "-", "-")
    scores = score([one.counts])
    percent = (format_score(100 * value) for value in (scores.iou, scores.niou, scores.pd))
    detected = f"{one.counts.detected}/{one.counts.targets}"
    return (one.dataset, str(scores.frames), one.name, *percent, detected, format_score(scores.fa_identity))
