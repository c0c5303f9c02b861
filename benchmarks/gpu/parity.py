"""Scores of the same weights in float32 and float16, on the CPU and on the GPU.

python3 -m benchmarks.gpu.parity --fp32 fp32.onnx --fp16 fp16.onnx --data datasets --json parity.json

Rows that the file already holds, of the same model files, are not measured again. Exit code 1: two of them differ.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click

from benchmarks.gpu.steps import DATA_SETS
from export.evaluation.evaluate import evaluate
from export.evaluation.grid import Grid
from export.evaluation.source import FileSource
from export.onnx.graph import PRECISIONS, Precision
from export.report.table import Table, format_score
from model.data.dataset import FrameFolder
from model.data.layouts import TEST
from model.files import write_atomically
from model.scoring.metrics import Counts, score
from service.runtime import Device

DIFFERS: Final = "DIFFERS"
IOU_POINTS, TARGETS, FA = 0.2, 1, 1.0  # that two devices may differ by: percent, targets a set, pixels a million


@dataclass(frozen=True, slots=True)
class Parity:
    """One model file on one device, on the test frames of one data set; ``sha256`` is the file's."""

    data_set: str
    model: Precision
    device: str
    counts: Counts
    sha256: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.data_set, self.model, self.device


@click.command()
@click.option("--fp32", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--fp16", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="Folder of the data sets.")
@click.option("--set", "names", type=click.Choice(DATA_SETS), multiple=True, default=DATA_SETS, show_default=True)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path), required=True)
def main(fp32: Path, fp16: Path, data: Path, names: tuple[str, ...], device: str, json_file: Path) -> None:
    """The fp32 file on the CPU, then both on the device, over each data set; the table, and whether they agree."""
    models: dict[Precision, Path] = dict(zip(PRECISIONS, (fp32, fp16), strict=True))
    runs: list[tuple[Precision, Device]] = [("fp32", Device.CPU), *((one, Device(device)) for one in PRECISIONS)]
    hashes = {precision: hashlib.sha256(path.read_bytes()).hexdigest() for precision, path in models.items()}
    found = {one.key: one for one in kept(json_file) if one.sha256 == hashes[one.model]}
    for name in names:
        for precision, where in dict.fromkeys(runs):
            if (name, precision, where.value) not in found:
                counts = measure(data, name, models[precision], where)
                one = Parity(name, precision, where.value, counts, hashes[precision])
                found[one.key] = one
                text = json.dumps([asdict(each) for each in found.values()], indent=1) + "\n"
                write_atomically(json_file, text.encode())
    told = list(verdicts(list(found.values())))
    click.echo("\n\n".join((markdown(list(found.values())), "\n".join(told))))
    if any(DIFFERS in line for line in told):
        sys.exit(1)


def kept(json_file: Path) -> list[Parity]:
    """What an earlier call measured."""
    entries = json.loads(json_file.read_text()) if json_file.exists() else []
    return [Parity(**(entry | {"counts": Counts(**entry["counts"])})) for entry in entries]


def measure(data: Path, name: str, model: Path, device: Device) -> Counts:
    """Answer every test frame, through the very line that serves.

    Raises:
        DataError, ModelFault: the data set is missing, or the device is.
    """
    results = evaluate(FileSource(model, device), FrameFolder(data / name, TEST), Grid.NATIVE)
    return sum((result.counts for result in results), Counts())


def markdown(found: list[Parity]) -> str:
    """A row a data set, model file and device."""
    head = ("data set", "frames", "model", "device", "IoU %", "nIoU %", "Pd %", "detected", "Fa identity e-6")
    return Table(head, tuple(_cells(one) for one in found)).markdown()


def verdicts(found: list[Parity]) -> Iterator[str]:
    """Each against fp32 on the CPU."""
    for reference in found:
        if reference.key[1:] != ("fp32", "cpu"):
            continue
        expected = score([reference.counts])
        for one in found:
            if one.data_set != reference.data_set or one is reference:
                continue
            scores = score([one.counts])
            points = 100 * (scores.iou - expected.iou)
            targets = one.counts.detected - reference.counts.detected
            false = scores.fa_identity - expected.fa_identity
            same = abs(points) <= IOU_POINTS and abs(targets) <= TARGETS and abs(false) <= FA
            yield (
                f"{one.data_set}, {one.model} on {one.device}: IoU {points:+.2f} points, targets {targets:+d}, "
                f"Fa {false:+.2f}e-6: {'agrees' if same else DIFFERS}"
            )


def _cells(one: Parity) -> tuple[str, ...]:
    scores = score([one.counts])
    percent = (format_score(100 * value) for value in (scores.iou, scores.niou, scores.pd))
    detected = f"{one.counts.detected}/{one.counts.targets}"
    where = (one.data_set, str(scores.frames), one.model, one.device)
    return (*where, *percent, detected, format_score(scores.fa_identity))


if __name__ == "__main__":
    main()
