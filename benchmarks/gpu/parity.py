"""Scores of the same weights in float32 and float16, on the CPU and on the GPU."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from export.evaluate import evaluate
from export.graph import Precision
from export.grid import Grid
from export.source import FileSource
from export.table import Table, shown
from model.data import FrameFolder
from model.layouts import TEST
from model.metrics import Scores, score
from service.runtime import Device

DATA_SETS: Final = ("NUAA-SIRST", "IRSTD-1k", "DenseSIRST")


@dataclass(frozen=True, slots=True)
class Parity:
    """Scores of one model file on one device."""

    data_set: str
    model: str
    device: str
    scores: Scores


def measure_parity(data: Path, models: dict[Precision, Path], device: Device) -> Iterator[Parity]:
    """Every data set's test frames: the fp32 file on the CPU first, then each file on ``device``.

    Raises:
        DataError, ModelFault: a data set is missing, or the device is.
    """
    runs: list[tuple[Precision, Device]] = [("fp32", Device.CPU), *((precision, device) for precision in models)]
    for name in DATA_SETS:
        folder = FrameFolder(data / name, TEST)
        for precision, where in dict.fromkeys(runs):
            results = evaluate(FileSource(models[precision], where), folder, Grid.NATIVE)
            yield Parity(name, precision, where.value, score(result.counts for result in results))


def markdown(found: list[Parity]) -> str:
    """A table."""
    head = ("data set", "frames", "model", "device", "IoU %", "nIoU %", "Pd %", "Fa identity e-6")
    rows = tuple(
        (
            one.data_set,
            str(one.scores.frames),
            one.model,
            one.device,
            *(shown(100 * value) for value in (one.scores.iou, one.scores.niou, one.scores.pd)),
            shown(one.scores.fa_identity),
        )
        for one in found
    )
    return Table(head, rows).markdown()
